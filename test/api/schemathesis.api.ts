/** A stranger's tester of APIs, Schemathesis, over the whole description: as the operator's program and as an account. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type Wire, wire } from '../wire/support.ts'

const VERSION = '4.32.5'
/** Kept for the next run: to install it takes 15 s. */
const PLACE = join(
  process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'),
  'belfry',
  `schemathesis-${VERSION}`,
)
/** Examples per operation beside the bounds, which are tried all; with the seed they are the same in each run. */
const EXAMPLES = 2
const SEED = 1
/** Token ids that bounds are tried with belong to none that is in use. */
const SPARE = 20

let w: Wire
beforeAll(async () => {
  if (!existsSync(join(PLACE, 'bin', 'schemathesis'))) {
    await succeeds('python3', '-m', 'venv', PLACE)
    await succeeds(join(PLACE, 'bin', 'pip'), 'install', '--quiet', `schemathesis==${VERSION}`)
  }
  w = await wire({ toml: '[push]\nsimulator = true\n[registration]\nhttp = true\ntimeout = "0s"\n' })
  for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await w.account(jid)
  for (let i = 0; i < SPARE; i++) await token({ name: 'spare', scopes: ['metrics'] })
})
afterAll(() => w[Symbol.asyncDispose]())

interface Token {
  readonly id: number
  readonly token: string
}

/** Made by the operator, or by an account for itself. */
async function token(body: unknown, account?: string): Promise<Token> {
  const answer =
    account === undefined
      ? await w.ask('POST', '/v1/tokens', body)
      : await fetch(`http://127.0.0.1:${w.port('http')}/v1/me/tokens`, {
          method: 'POST',
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json', authorization: w.basic(account) },
        })
  return (await answer.json()) as Token
}

async function succeeds(...command: string[]): Promise<string> {
  const child = Bun.spawn(command, { stdout: 'pipe', stderr: 'pipe' })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  if (code !== 0) throw new Error(`${command[0]} ended with ${code}\n${out}\n${err}`)
  return out
}

/** The run's closing lines. */
async function tester(who: Token, ...choice: string[]): Promise<string> {
  const at = `http://127.0.0.1:${w.port('http')}/v1/openapi.json`
  const always = ['--no-color', '--continue-on-failure', '--seed', String(SEED), '-n', String(EXAMPLES)]
  const child = Bun.spawn(
    [
      join(PLACE, 'bin', 'schemathesis'),
      '--config-file',
      join(import.meta.dir, 'schemathesis.toml'),
      'run',
      at,
      '-H',
      `Authorization: Bearer ${who.token}`,
      ...always,
      ...choice,
    ],
    {
      // It leaves files where it runs.
      cwd: w.directory,
      env: {
        ...process.env,
        PYTHONPATH: import.meta.dir,
        PYTHONDONTWRITEBYTECODE: '1',
        SCHEMATHESIS_HOOKS: 'hooks',
        OWN_TOKEN: String(who.id),
      },
      stdout: 'pipe',
    },
  )
  const [out, code] = await Promise.all([child.stdout.text(), child.exited])
  // A line may hold an address of 20 kB.
  if (code !== 0) throw new Error(out.replaceAll(/^(.{300}).*$/gm, '$1 …'))
  return /^.*generated,.*$/m.exec(out)?.[0] ?? out
}

/** Answers that take their time: the log goes on for a minute, doctor looks at the whole machine. Their own plays try them. */
const SLOW = 'logs|doctor'

test('as a program with every scope, over all that is no account’s own', async () => {
  const admin = await token({ name: 'tester', scopes: ['admin'] })
  expect(await tester(admin, '--exclude-path-regex', `^/v1/(me|${SLOW})`)).toMatch(
    /\d{3,} generated, \d{3,} passed/,
  )
})

test('as an account, over its own', async () => {
  const romeo = await token({ name: 'tester' }, 'romeo@bix.org')
  expect(await tester(romeo, '--include-path-regex', '^/v1/me')).toMatch(/\d{3} generated, \d{3} passed/)
})
