/** `belfry doctor` as a process: of a stopped server, of a running one, and where the configuration is broken. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TOPICS } from '../../src/cli/help.ts'

const MAIN = join(import.meta.dir, '../../src/main.ts')
const TOML = [
  'hosts = ["localhost"]',
  '[c2s]',
  'listen = ["127.0.0.1:0"]',
  'direct_tls_listen = []',
  '[http]',
  'listen = ["127.0.0.1:0"]',
  '',
].join('\n')

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'belfry-doctor-'))
  writeFileSync(join(home, 'belfry.toml'), TOML, { mode: 0o640 })
})
afterEach(() => rmSync(home, { recursive: true }))

const spawn = (args: string) =>
  Bun.spawn([process.execPath, MAIN, ...args.split(' ')], {
    cwd: home,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...process.env, BELFRY_CONFIG: '', BELFRY_RESOLVER: '127.0.0.1:1' },
  })

async function belfry(args: string) {
  const run = spawn(args)
  const [out, err, code] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited])
  return { out, err, code }
}

interface Found {
  readonly summary: Record<string, number>
  readonly items: { id: string; status: string; why: string; mend?: string }[]
}
const found = ({ out }: { out: string }) => {
  const { summary, items } = JSON.parse(out) as Found
  return { summary, of: (id: string) => items.find((item) => item.id === id) }
}

/** A server on the same data, until `use` is over. */
async function whileServing(use: () => Promise<void>): Promise<void> {
  const server = spawn('serve')
  try {
    const reader = server.stderr.getReader()
    for (let text = ''; !text.includes('certificate ');) {
      const { value, done } = await reader.read()
      if (done) throw new Error(`it did not start: ${text}`)
      text += Buffer.from(value).toString()
    }
    void (async () => {
      while (!(await reader.read()).done);
    })()
    await use()
  } finally {
    server.kill('SIGTERM')
    await server.exited
  }
}

test('of a stopped server: what is there is looked at, nothing is made, and warnings are no failure', async () => {
  const text = await belfry('doctor --offline')
  expect(text.code).toBe(0)
  expect(text.out).toContain('warn  config.hosts: ')
  expect(text.out).toContain('      → set hosts')
  expect(text.out).not.toContain('ok    config.file')
  expect(text.out).toMatch(/\n\d+ checks: \d+ ok, \d+ warn, 0 fail, \d+ skip\n$/)
  expect(existsSync(join(home, 'data'))).toBe(false)
  const all = await belfry('doctor --offline --all')
  expect(all.out).toContain('ok    config.file')
})

test('a check that fails is exit 1, in JSON too; others are not shown where some are asked for', async () => {
  writeFileSync(join(home, 'belfry.toml'), `${TOML}[limits]\nrates = false\n`, { mode: 0o640 })
  const json = await belfry('doctor --offline --only access -o json')
  expect(json.code).toBe(1)
  expect(found(json).of('access.rates')).toMatchObject({ status: 'fail', mend: expect.any(String) as string })
  expect(found(json).of('config.file')).toBeUndefined()
  expect((await belfry('doctor --offline --only access.tls,access.plain')).code).toBe(0)
  const unknown = await belfry('doctor --only acess')
  expect([unknown.code, unknown.err]).toEqual([2, 'error: there is no check acess — did you mean access?\n'])
})

test('a broken configuration is a finding with its place, and the rest is looked at', async () => {
  writeFileSync(join(home, 'belfry.toml'), 'hostss = []\n')
  const run = await belfry('doctor -o json')
  expect(run.code).toBe(1)
  expect(found(run).of('config.file')?.why).toContain('belfry.toml:1:1: unknown key "hostss"')
  expect(found(run).of('tls.days')?.status).toBe('skip')
  expect(found(run).of('host.kernel')?.status).toBe('ok')
})

test('a running server is asked for its own figures; then the page’s commands, with --offline beside it', async () => {
  await whileServing(async () => {
    const run = found(await belfry('doctor -o json'))
    expect(run.of('server.running')?.status).toBe('ok')
    expect(run.of('server.ready')?.status).toBe('ok')
    expect(run.of('data.socket')?.status).toBe('ok')
    expect(run.of('db.sound')?.status).toBe('ok')
    expect(run.of('host.file_limit')?.status).toMatch(/ok|warn/)
    const commands = [...(TOPICS['getting-started']?.text ?? '').matchAll(/^belfry (doctor.*)$/gm)].map(
      ([, args]) => args ?? '',
    )
    expect(commands.length).toBeGreaterThanOrEqual(4)
    for (const args of commands) {
      const { code, err } = await belfry(args)
      expect(`${args}: ${code} ${err}`).toBe(`${args}: 0 `)
    }
    // Beside the server, which still has its locks and its data afterwards.
    expect((await belfry('health')).code).toBe(0)
  })
  expect(found(await belfry('doctor -o json')).of('db.sound')?.status).toBe('ok')
})
