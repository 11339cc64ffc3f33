/** Commands that the pages print: each is taken by the program as it stands, and what is harmless is done. */
import { afterAll, beforeAll, expect, spyOn, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { buildProgram, runCli } from '../../src/cli/program.ts'
import { features } from '../../src/features/index.ts'
import { listenSocket } from '../../src/http/serve.ts'
import { type HttpWorld, startHttp } from '../http/support.ts'

const ROOT = join(import.meta.dir, '../..')

/** Programs that are not ours, and why nothing is done with their commands here. */
const OTHERS: Readonly<Record<string, string>> = {
  curl: 'needs a server on the network; the calls of groups.md are made by test/docs/groups.test.ts, those of push-send.md by push-send.test.ts',
  tar: 'copies a backup elsewhere',
  rsync: 'copies a backup to another machine',
  age: 'is not installed everywhere',
  litestream: 'is run by test/litestream',
  systemctl: 'needs root and systemd; test/systemd has it',
  'firewall-cmd': 'needs root',
  ufw: 'needs root',
  docker: 'needs a daemon; test/docker has it',
  ejabberdctl: 'belongs to the other server; test/migration runs it',
  mysqldump: 'belongs to the other server',
  pg_dump: 'belongs to the other server',
  npm: 'runs this test',
  cp: 'replaces the program of the machine',
  mv: 'replaces the program of the machine',
}

/** Beginnings of commands that change nothing; all others of ours are only read. */
const HARMLESS = ['help', 'status', 'device list', 'push explain', 'backup list', 'user show']

interface Printed {
  readonly page: string
  readonly line: string
}

function printed(): Printed[] {
  const docs = readdirSync(join(ROOT, 'src/docs')).filter((name) => name.endsWith('.md'))
  return ['README.md', ...docs.map((name) => `src/docs/${name}`)].flatMap((page) => {
    const text = readFileSync(join(ROOT, page), 'utf8')
    const blocks = [...text.matchAll(/^ *```sh\n(.*?)^ *```/gms)].map(([, block = '']) => block)
    return blocks.flatMap((block) => linesOf(block).map((line) => ({ page, line })))
  })
}

/** Whole lines: a backslash or an open quote goes on with the next. */
function linesOf(block: string): string[] {
  const lines: string[] = []
  let open = ''
  for (const line of block.replaceAll('\\\n', ' ').split('\n')) {
    open = open === '' ? line : `${open}\n${line}`
    if ((open.match(/'/g) ?? []).length % 2 === 1) continue
    if (open.trim() !== '' && !open.trim().startsWith('#')) lines.push(open.trim())
    open = ''
  }
  return lines
}

/** Words of each command of a line, as a shell has them. */
function commandsOf(line: string): string[][] {
  const plain = line.replace(/^sudo (?:-u \w+ )?/, '').replace(/\s\d?>(?:&\d|\s*\S+)/g, '')
  const words = [...plain.matchAll(/'[^']*'|"[^"]*"|\|\||&&|[|;]|[^\s'"|;&]+(?:'[^']*'|"[^"]*")?/g)]
  const commands: string[][] = [[]]
  for (const [word] of words) {
    if (word.startsWith('#')) break
    if (/^(\|\||&&|[|;])$/.test(word)) commands.push([])
    else commands.at(-1)?.push(word.replace(/^(['"])(.*)\1$/s, '$2'))
  }
  return commands.filter((command) => command.length > 0)
}

const programOf = ([first = '']: readonly string[]): string => first.replace(/^.*\//, '')
const all = printed().flatMap(({ page, line }) => commandsOf(line).map((words) => ({ page, line, words })))
const ours = all.filter(({ words }) => programOf(words) === 'belfry')

/** The tree with nothing behind its verbs. */
function parser(): Command {
  const { program } = buildProgram()
  const silence = (command: Command): void => {
    command.exitOverride()
    if (command.commands.length === 0) command.action(() => {})
    for (const inner of command.commands) silence(inner)
  }
  silence(program)
  return program
}

test('each command of a page is ours, or of a program that is named here with the reason', () => {
  expect(ours.length).toBeGreaterThan(25)
  const others = all.filter(({ words }) => programOf(words) !== 'belfry')
  const unknown = others.filter(({ words }) => OTHERS[programOf(words)] === undefined)
  expect(unknown.map(({ page, line }) => `${page}: ${line}`)).toEqual([])
})

test('the program takes each of its own with its verb, its options and what these need', async () => {
  for (const { page, words } of ours) {
    const taken = await parser()
      .parseAsync(words.slice(1), { from: 'user' })
      .then(() => 'taken')
      .catch((error: unknown) => String(error))
    expect([page, words.join(' '), taken]).toEqual([page, words.join(' '), 'taken'])
  }
  // It would not take everything.
  for (const wrong of [
    ['user', 'ad', 'a@bix.org'],
    ['status', '--no-such-option'],
    ['device', 'list'],
  ])
    expect(
      await parser()
        .parseAsync(wrong, { from: 'user' })
        .catch(() => 'refused'),
    ).toBe('refused')
})

let home: string
let w: HttpWorld
let listener: Awaited<ReturnType<typeof listenSocket>>
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'belfry-commands-'))
  mkdirSync(join(home, 'data'))
  writeFileSync(join(home, 'belfry.toml'), `hosts = ["bix.org"]\ndata_dir = "${home}/data"\n`)
  w = await startHttp(() => {}, features)
  for (const jid of ['harttle@bix.org', 'you@bix.org'])
    await w.call('POST', '/v1/users', { as: 'operator', body: { jid, password: 'correct horse' } })
  listener = await listenSocket(w.app, join(home, 'data', 'admin.sock'), {
    maxBody: 1e6,
    maxFrame: 1e5,
    idle: 60,
    webSocketIdle: 60_000,
  })
})
afterAll(async () => {
  await listener.stop()
  w[Symbol.dispose]()
  rmSync(home, { recursive: true })
})

test('what changes nothing is done by a running server, and answers with 0', async () => {
  const done = ours.filter(({ words }) => HARMLESS.some((verb) => words.slice(1).join(' ').startsWith(verb)))
  expect(done.length).toBeGreaterThan(3)
  for (const { page, words } of done) {
    const out = spyOn(process.stdout, 'write').mockReturnValue(true)
    const err = spyOn(process.stderr, 'write').mockReturnValue(true)
    let code: number
    let said: string
    try {
      code = await runCli(['-c', join(home, 'belfry.toml'), ...words.slice(1)])
      said = err.mock.calls.map(([text]) => String(text)).join('')
    } finally {
      out.mockRestore()
      err.mockRestore()
    }
    expect([page, words.join(' '), said, code]).toEqual([page, words.join(' '), '', 0])
  }
})
