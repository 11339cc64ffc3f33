/** The commands as a person or a script runs them: as processes, on a stopped server's data and on a running one. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { banner } from '../../src/cli/banner.ts'
import { defaults } from '../../src/config/config.ts'
import { renderUnit } from '../../src/cli/systemd.ts'
import { printable } from '../../src/cli/output.ts'
import { stripNewline } from '../../src/cli/password.ts'
import { databaseFile } from '../../src/ops/data-dir.ts'
import { openStore } from '../../src/store/store.ts'

const MAIN = join(import.meta.dir, '../../src/main.ts')
let home: string
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'belfry-cli-'))
  writeFileSync(
    join(home, 'belfry.toml'),
    [
      'hosts = ["bix.org"]',
      '[c2s]',
      'listen = ["127.0.0.1:0"]',
      'direct_tls_listen = []',
      '[http]',
      'listen = ["127.0.0.1:0"]',
      '[auth]',
      'scram_iterations = 4096',
      '[push]',
      'simulator = true',
    ].join('\n'),
  )
})
afterAll(() => rmSync(home, { recursive: true }))

async function belfry(args: string, input?: string, directory = home) {
  const run = Bun.spawn([process.execPath, MAIN, ...args.split(' ').filter(Boolean)], {
    cwd: directory,
    stdin: input === undefined ? 'ignore' : Buffer.from(input),
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...process.env, BELFRY_CONFIG: '' },
  })
  const [out, err, code] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited])
  return { out, err, code }
}

describe('usage', () => {
  test.each([
    ['', 2, 'a verb is missing; see: belfry --help'],
    ['user', 2, 'a verb is missing; see: belfry user --help'],
    ['usr list', 2, 'did you mean user?'],
    ['user lst', 2, 'did you mean list?'],
    ['usr -h', 2, 'did you mean user?'],
    ['--help user lst', 2, 'did you mean list?'],
    ['-o json user sesions --help', 2, "unknown command 'sesions'"],
    ['user add', 2, "missing required argument 'jid'"],
    ['user list --frob', 2, "unknown option '--frob'"],
    ['-o yaml version', 2, 'Allowed choices are text, json'],
    ['user delete romeo@bix.org', 2, '--yes'],
    ['user add romeo@bix.org', 2, '--password-stdin'],
    ['health', 3, 'belfry serve'],
    ['status', 3, 'belfry serve'],
    ['ban list', 3, 'belfry serve'],
    ['user sessions romeo@bix.org', 3, 'belfry serve'],
    ['version --config /nowhere', 0, ''],
    ['user list --config /nowhere.toml', 2, '/nowhere.toml does not exist'],
    ['token create x --scope admin --expires soon', 2, 'not a duration'],
    ['invite create --expires infinity', 2, 'not a duration'],
    ['upload purge', 2, '--older-than'],
    ['upload purge --older-than long', 2, 'not a duration'],
    ['upload purge --account romeo@bix.org', 2, '--yes'],
  ])('belfry %s → %i', async (args, code, message) => {
    const run = await belfry(args)
    expect(`${run.code} ${run.err}`).toStartWith(`${code} `)
    expect(run.err).toContain(message)
    expect(run.err.split('\n').length).toBeLessThanOrEqual(2)
    expect(run.err).not.toMatch(/\bat .*\.ts:/)
  })

  test('help and version go to standard output', async () => {
    expect((await belfry('--help')).out).toContain('Usage: belfry')
    expect((await belfry('-o json user add x@bix.org -h')).out).toContain('Usage: belfry user add')
    expect((await belfry('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

test.each(['config schema', 'push rules', 'push rules -o json', '--help'])(
  'a reader that has enough ends %s without a word, as SIGPIPE would',
  async (args) => {
    const script = `${process.execPath} ${MAIN} ${args} | true; echo \${PIPESTATUS[0]}`
    const run = Bun.spawn(['bash', '-c', script], { cwd: home, stdout: 'pipe', stderr: 'pipe' })
    const [out, err] = await Promise.all([run.stdout.text(), run.stderr.text()])
    expect([out, err]).toEqual(['141\n', ''])
  },
)

test('a bad configuration: every error, exit code 2, as text and as JSON', async () => {
  writeFileSync(join(home, 'bad.toml'), 'hostss = []\n[limits]\ndepht = 3\n')
  const text = await belfry('config check --config bad.toml')
  expect(text.code).toBe(2)
  expect(text.err).toContain('bad.toml:1:1: unknown key "hostss" at the top level — did you mean "hosts"?')
  expect(text.err).toContain('bad.toml:3:1: unknown key "depht" in [limits] — did you mean "depth"?')
  const json = JSON.parse((await belfry('config check --config bad.toml -o json')).err) as {
    problems: unknown[]
  }
  expect(json.problems).toHaveLength(2)
  expect((await belfry('serve --config bad.toml')).code).toBe(2)
})

test.each(['belfry.toml', 'belfry.toml/data', '/proc/nothing'])(
  'a data directory that cannot be made, %s, is one line with a remedy',
  async (dir) => {
    const file = join(home, 'elsewhere.toml')
    writeFileSync(file, `hosts = ["bix.org"]\ndata_dir = "${dir}"\n`)
    for (const command of ['serve', 'user list']) {
      const { code, err } = await belfry(`${command} --config ${file}`)
      expect(code).toBe(1)
      expect(err).toMatch(
        /^(warning: .*\n)?error: \S+ cannot be the data directory \(E\w+: [\w ]+\): make it for the user that runs this, or set data_dir to another one\n$/,
      )
    }
  },
)

test('config init writes a file that config check accepts, and never over another', async () => {
  expect((await belfry('config init --config new.toml --host a.org --admin me@a.org')).code).toBe(0)
  expect(statSync(join(home, 'new.toml')).mode & 0o007).toBe(0)
  // Not those of every server on this machine.
  const text = readFileSync(join(home, 'new.toml'), 'utf8')
  writeFileSync(join(home, 'new.toml'), text.replace(/^# (\w*listen = ).*$/gm, '$1["127.0.0.1:0"]'))
  expect((await belfry('config check --config new.toml')).out).toContain('is good')
  const shown = JSON.parse((await belfry('config show --config new.toml')).out) as { hosts: string[] }
  expect(shown.hosts).toEqual(['a.org'])
  expect((await belfry('config init --config new.toml')).code).toBe(1)
  const schema = JSON.parse((await belfry('config schema')).out) as { properties: object }
  expect(Object.keys(schema.properties)).toContain('limits')
})

test('invitations: made, listed, revoked', async () => {
  const made = JSON.parse((await belfry('invite create --uses 3 --expires 2d -o json')).out) as {
    id: number
    uri: string
  }
  expect(made.uri).toStartWith('xmpp:')
  expect((await belfry('invite create --jid paris@bix.org')).out).toMatch(
    /^xmpp:paris@bix\.org\?register;preauth=[0-9a-f]{32}\n$/,
  )
  const listed = (await belfry('invite list')).out
  expect(listed).toContain('paris@bix.org')
  expect(listed).not.toContain('preauth')
  expect(await belfry('invite create --uses many')).toMatchObject({
    code: 2,
    err: 'error: "many" is no number of uses, which is a whole number\n',
  })
  expect((await belfry('invite revoke many')).err).toContain('"many" is no id of an invitation')
  expect((await belfry('invite create --contact-only')).code).toBe(2)
  expect((await belfry('invite create --from nobody@bix.org')).code).toBe(4)
  expect((await belfry(`invite revoke ${made.id}`)).code).toBe(0)
  expect((await belfry(`invite revoke ${made.id}`)).code).toBe(4)
})

test('a name that looks like another’s is made only if that is meant', async () => {
  const add = (args: string) => belfry(`user add ${args} --password-stdin`, 'two secret words\n')
  expect((await add('mike@bix.org')).code).toBe(0)
  const { code, err } = await add('rnike@bix.org')
  expect(code).toBe(1)
  expect(err).toContain('looks like mike@bix.org')
  expect(err).toContain('--allow-lookalike')
  expect((await belfry('invite create --jid rnike@bix.org')).err).toContain('--allow-lookalike')
  expect((await belfry('invite create --jid rnike@bix.org --allow-lookalike')).code).toBe(0)
  expect((await add('m1ke@bix.org')).code).toBe(0)
  expect((await add('mlke@bix.org --allow-lookalike')).code).toBe(0)
  for (const name of ['mike', 'm1ke', 'mlke']) await belfry(`user delete ${name}@bix.org --yes`)
})

describe('passwords typed at a terminal', () => {
  /** In a terminal of its own (script(1)), everything typed at once, as a paste comes. */
  async function typed(args: string, keys: string) {
    const command = `${process.execPath} ${MAIN} ${args}`
    const run = Bun.spawn(['script', '-qec', command, '/dev/null'], {
      cwd: home,
      stdin: Buffer.from(keys),
      stdout: 'pipe',
      stderr: 'pipe',
      env: { ...process.env, BELFRY_CONFIG: '', SHELL: '/bin/sh' },
    })
    const [out, code] = await Promise.all([run.stdout.text(), run.exited])
    return { out, code }
  }

  test.each([
    ['both lines in one read', 'two secret words\ntwo secret words\n'],
    ['lines of another system', 'two secret words\r\ntwo secret words\r\n'],
    ['a slip, an arrow key', 'two secret wordz\u007fs\u001b[D\ntwo secret words\n'],
    ['the marks of a paste', '\u001b[200~two secret words\u001b[201~\ntwo secret words\n'],
  ])('%s', async (_what, keys) => {
    const added = await typed('user add tybalt@bix.org', keys)
    expect(added.out).toContain('tybalt@bix.org added')
    expect(added.code).toBe(0)
    expect((await belfry('user delete tybalt@bix.org --yes')).code).toBe(0)
  })

  test('two that differ', async () => {
    const differ = await typed('user add tybalt@bix.org', 'one secret word\nanother word\n')
    expect([differ.code, differ.out]).toEqual([2, expect.stringContaining('differ') as string])
  })

  test.each([
    ['user add tybalt', 'is not an address such as you@bix.org'],
    ['user add tybalt@elsewhere.org', "elsewhere.org is not one of this server's hosts (bix.org)"],
    ['user add a@b@bix.org/x', 'is not an address'],
    ['user passwd @bix.org', 'is not an address'],
  ])('%s: refused before a password is asked for', async (args, message) => {
    const { out, code } = await typed(args, '')
    expect(out).toContain(message)
    expect(out).not.toContain('Password')
    expect(code).toBe(2)
  })
})

/** As if the account had logged in from each of these. */
function loggedIn(jid: string, ...software: string[]): void {
  const store = openStore(databaseFile(join(home, 'data')), { flushed() {}, fatal() {} })
  store.turn.trip(() => {
    const account = store.accounts.find(jid)
    if (!account) throw new Error('no such account')
    for (const [n, name] of software.entries()) {
      const client = store.clients.seen(account, { id: `${jid} ${n}`, software: name, device: 'Phone' }, n, 9)
      store.clients.offer(client, 'HT-SHA-256-EXPR', Date.now() + 3_600_000)
    }
  })
  store.close()
}

test('user apps: listed, and logged out one by one, those of this account only', async () => {
  for (const jid of ['paris@bix.org', 'rosaline@bix.org'])
    expect((await belfry(`user add ${jid} --password-stdin`, 'secret words')).code).toBe(0)
  loggedIn('paris@bix.org', 'Monal', 'Siskin')
  loggedIn('rosaline@bix.org', 'Beagle')
  interface App {
    id: number
    software: string
    token_expires: string
  }
  const apps = async (jid: string) => JSON.parse((await belfry(`user apps ${jid} -o json`)).out) as App[]
  const [siskin, monal] = await apps('paris@bix.org')
  if (!siskin || !monal) throw new Error('they are not listed')
  expect([siskin.software, monal.software]).toEqual(['Siskin', 'Monal'])
  expect(Date.parse(siskin.token_expires)).toBeGreaterThan(Date.now())
  expect((await belfry('user apps paris@bix.org')).out).toMatch(
    /^id +software +device .*\n\d+ +Siskin +Phone /i,
  )
  expect(await belfry(`user apps paris@bix.org --revoke ${siskin.id}`)).toEqual({
    out: `app ${siskin.id} logged out\n`,
    err: '',
    code: 0,
  })
  expect(await apps('paris@bix.org')).toEqual([monal])
  expect((await belfry(`user apps paris@bix.org --revoke ${siskin.id}`)).code).toBe(4)
  const [foreign] = await apps('rosaline@bix.org')
  expect((await belfry(`user apps paris@bix.org --revoke ${foreign?.id}`)).code).toBe(4)
  expect(await apps('rosaline@bix.org')).toHaveLength(1)
  expect(await belfry('user apps paris@bix.org --revoke Monal')).toMatchObject({
    code: 2,
    err: 'error: "Monal" is no id of an app, which is a whole number\n',
  })
  expect((await belfry('user apps nobody@bix.org')).code).toBe(4)
  for (const jid of ['paris@bix.org', 'rosaline@bix.org'])
    expect((await belfry(`user delete ${jid} --yes`)).code).toBe(0)
}, 30_000)

test('accounts of a stopped server, then of the same server running; case 99: nobody reads its log', async () => {
  expect((await belfry('user add Romeo@bix.org --password-stdin', 'secret words\n')).out).toBe(
    'romeo@bix.org added\n',
  )
  const weak = await belfry('user add juliet@bix.org --password-stdin', 'x')
  expect([weak.code, weak.err]).toEqual([0, 'warning: the password has fewer than 8 characters\n'])
  expect((await belfry('user add romeo@bix.org --password-stdin', 'again again')).code).toBe(1)
  expect((await belfry('user add a@elsewhere --password-stdin', 'secret words')).code).toBe(2)
  expect((await belfry('user show nobody@bix.org')).code).toBe(4)
  writeFileSync(join(home, 'password'), 'from a file\n')
  expect((await belfry('user passwd juliet@bix.org --password-file password')).code).toBe(0)
  expect((await belfry('user delete juliet@bix.org --yes -o json')).out).toContain('"ok": true')
  const made = await belfry('token create ci --scope status')
  expect(made.out).toMatch(/^bfy_[\w-]{43}\n$/)

  // Case 99: whoever read its log has gone.
  const serve = `exec ${process.execPath} ${MAIN} serve > >(true)`
  const server = Bun.spawn(['bash', '-c', serve], { cwd: home, stdout: 'ignore', stderr: 'pipe' })
  try {
    const banner = await readUntil(server.stderr, /data .*\n/)
    expect(banner).toContain('*** SIMULATOR: no phone rings ***')
    expect(banner).toContain('hosts        bix.org')
    expect((await belfry('health')).out).toBe('ready\n')
    const users = JSON.parse((await belfry('-o json user list')).out) as { jid: string }[]
    expect(users.map((user) => user.jid)).toEqual(['romeo@bix.org'])
    expect((await belfry('user kick romeo@bix.org')).out).toBe('0 sessions closed\n')
    expect((await belfry('status')).out).toContain('simulator')
    expect((await belfry('ban list')).out).toBe('ADDRESS  ACCOUNT  FAILURES  SINCE  UNTIL\n')
    expect((await belfry('ban delete 192.0.2.1')).code).toBe(4)
    expect((await belfry('upload list')).out).toStartWith('ID  OWNER  NAME  TYPE  SIZE')
    expect((await belfry('upload purge --older-than 1d -y')).out).toBe('0 files removed, 0 bytes\n')
    expect((await belfry('ban delete nonsense')).code).toBe(2)
    const second = await belfry('serve')
    expect([second.code, second.err]).toEqual([
      1,
      expect.stringContaining('in use by another Belfry') as string,
    ])
    const port = /http 127\.0\.0\.1:(\d+)/.exec(banner)?.[1]
    const status = await fetch(`http://127.0.0.1:${port}/v1/status`, {
      headers: { authorization: `Bearer ${made.out.trim()}` },
    })
    expect(status.status).toBe(200)
  } finally {
    server.kill('SIGTERM')
  }
  expect(await server.exited).toBe(0)
  expect((await belfry('user list')).out).toContain('romeo@bix.org')
}, 30_000)

async function readUntil(stream: ReadableStream<Uint8Array>, pattern: RegExp): Promise<string> {
  let text = ''
  for await (const chunk of stream) {
    text += Buffer.from(chunk).toString()
    if (pattern.test(text)) break
  }
  return text
}

test('what is printed at the start shows no password of an address', () => {
  const url = 'https://me:s3cret@www.bix.org/chat-events?token=t0ken'
  const config = defaults()
  const text = banner({ ...config, webhook: { ...config.webhook, url } }, [])
  expect(text).toContain('webhook https://www.bix.org/chat-events\n')
})

test('exactly one newline belongs to the editor', () => {
  expect(['a', 'a\n', 'a\r\n', 'a\n\n', ' a '].map(stripNewline)).toEqual(['a', 'a', 'a', 'a\n', ' a '])
})

test('case 83: nothing that a stranger chose moves the cursor', () => {
  expect(printable('a\u001b[2J\nb\u202ec')).toBe('a\\u001b[2J\\u000ab\\u202ec')
  expect(printable(['x\u0007', null])).toBe('x\\u0007, -')
})

test('a unit for ports below 1024 has that one right more, and nothing else is looser', () => {
  const [plain, low] = [renderUnit('/b', 'belfry').split('\n'), renderUnit('/b', 'belfry', true).split('\n')]
  expect(low.filter((line) => !plain.includes(line))).toEqual([
    'CapabilityBoundingSet=CAP_NET_BIND_SERVICE',
    'AmbientCapabilities=CAP_NET_BIND_SERVICE',
    'PrivateUsers=no',
  ])
  expect(plain.length).toBe(low.length)
})

test('the unit names this executable and its user, and never forbids what the JIT compiler needs', () => {
  const unit = renderUnit('/opt/belfry/belfry', 'chat')
  expect(unit).toContain('\nExecStart=/opt/belfry/belfry serve\n')
  expect(unit).toContain('\nUser=chat\nGroup=chat\n')
  expect(unit).toContain('\nType=notify\n')
  expect(unit).not.toMatch(/^MemoryDenyWriteExecute=/m)
  expect(unit).not.toMatch(/^Type=notify-reload/m)
  // An allowing list of @groups allows nothing on systemd 219, which does not know groups.
  expect(unit).not.toMatch(/^SystemCallFilter=[^~]/m)
})
