/** Secrets that stand in addresses come out nowhere: each key that can hold one holds a word that is looked for. */
import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getLogger, startLogging, stopLogging } from '../../src/log.ts'
import { maskAddresses } from '../../src/net/mask-address.ts'
import { findings } from '../../src/push/diagnose/findings.ts'

const SECRET = 'planted-7f3a'
const MAIN = join(import.meta.dir, '../../src/main.ts')
let home = ''
beforeAll(() => void (home = mkdtempSync(join(tmpdir(), 'belfry-secrets-'))))
afterAll(() => rmSync(home, { recursive: true }))
afterEach(stopLogging)

const CONFIG = (webhook: string) => `hosts = ["bix.org"]
[http]
public_url = "https://me:${SECRET}@bix.org/?k=${SECRET}"
[push]
proxy = "http://me:${SECRET}@proxy.example:3128"
[webhook]
url = "${webhook}"
`
const HOOK = `https://me:${SECRET}@hook.example/in?token=${SECRET}#${SECRET}`

function belfry(toml: string, ...args: string[]): string {
  const file = join(home, 'belfry.toml')
  writeFileSync(file, toml)
  const run = Bun.spawnSync([process.execPath, MAIN, ...args, '--config', file], { cwd: home, stdin: null })
  return `${run.stdout.toString()}${run.stderr.toString()}`
}

for (const [what, args] of [
  ['config show', ['config', 'show']],
  ['config check', ['config', 'check']],
  ['config check as JSON', ['config', 'check', '-o', 'json']],
  ['a verb that fails', ['user', 'list']],
] as const) {
  for (const [kind, hook] of [
    ['good', HOOK],
    ['with a scheme that is none', HOOK.replace('https', 'gopher')],
    ['with a % too many', HOOK.replace('me:', 'm%e:')],
  ] as const)
    test(`${what}, an address that is ${kind}`, () => {
      const said = belfry(CONFIG(hook), ...args)
      expect(said).not.toContain(SECRET)
      if (what === 'config show' && kind === 'good') expect(said).toContain('https://***@hook.example/in?***')
    })
}

test('logs, in fields, events, errors and their causes', () => {
  const lines: string[] = []
  for (const format of ['text', 'json'] as const) {
    startLogging({ level: 'debug', format, journal: false, write: (line) => lines.push(line) })
    const error = new Error(`no way to ${HOOK}`, { cause: new Error(`connect ${HOOK}`) })
    getLogger('push').error(`gave up on ${HOOK}`, { url: HOOK, list: [HOOK], deep: { at: HOOK }, error })
    stopLogging()
  }
  expect(lines.join('')).not.toContain(SECRET)
  expect(lines.join('')).toContain('hook.example')
})

test('explain', () => {
  const found = findings({
    target: 'services',
    running: true,
    disabled: false,
    devices: [],
    awake: [],
    paused: [{ lane: 'webhook', reason: 'NoConnection', detail: `proxy ${HOOK} refused` }],
    waiting: 1,
    verdicts: [],
  })
  expect(found.join('\n')).not.toContain(SECRET)
})

test('what is no secret stays as it is', () => {
  for (const text of ['https://bix.org/a/b', 'xmpp:romeo@bix.org?message', 'a@b.c and ?x', 'turn:host:3478'])
    expect(maskAddresses(text)).toBe(text)
})
