/** A tool in another process holds the write lock of the database: a backup, a shell of SQLite. */
import { afterEach, expect } from 'bun:test'
import { join } from 'node:path'
import { startLogging, stopLogging } from '../../src/log.ts'
import { testWith } from '../support/programs.ts'
import { type Wire, wire, WireClient } from './support.ts'

afterEach(stopLogging)

const PYTHON = '/usr/bin/python3'
const HOLD = `
import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=5)
c.execute('begin immediate'); print('held', flush=True); time.sleep(float(sys.argv[2])); c.execute('rollback')
`

/** Holds the lock for so many seconds; resolves once it does. */
async function hold({ config }: Wire, seconds: number): Promise<{ ended: Promise<number> }> {
  const file = join(config.data_dir, 'belfry.db')
  const child = Bun.spawn([PYTHON, '-c', HOLD, file, String(seconds)], { stdout: 'pipe', stderr: 'inherit' })
  await child.stdout.getReader().read()
  return { ended: child.exited }
}

async function online(at: Wire, jid: string): Promise<WireClient> {
  const client = await WireClient.tcp(at.port('c2s'))
  await client.opens('bix.org')
  await client.startTls()
  await client.logsIn(jid)
  client.send('<presence/>')
  await client.ping()
  return client
}

/** What readiness says as soon as it is red. */
async function untilRed(at: Wire): Promise<string> {
  for (;;) {
    const ready = await at.ask('GET', '/readyz')
    if (ready.status === 503) return ready.text()
  }
}

for (const seconds of [0.2, 2]) {
  testWith([PYTHON])(`for ${seconds} s: messages and programs wait, readiness says why`, async () => {
    await using at = await wire()
    for (const name of ['romeo', 'juliet']) await at.account(`${name}@bix.org`)
    const [romeo, juliet] = [await online(at, 'romeo@bix.org'), await online(at, 'juliet@bix.org')]
    const holder = await hold(at, seconds)
    for (let i = 0; i < 20; i++)
      romeo.send(`<message to='juliet@bix.org' type='chat'><body>m${i}.</body></message>`)
    const posted = at.ask('POST', '/v1/messages', {
      from: 'romeo@bix.org',
      to: 'juliet@bix.org',
      body: 'program',
    })
    if (seconds >= 2) expect(await untilRed(at)).toContain('holds the write lock')
    expect(juliet.text).not.toContain('<body>')
    expect(await holder.ended).toBe(0)
    expect((await posted).status).toBe(202)
    await romeo.ping()
    await juliet.ping()
    expect([...juliet.text.matchAll(/<body>(m\d+)\./g)].map(([, body]) => body)).toEqual(
      Array.from({ length: 20 }, (_, i) => `m${i}`),
    )
    expect(`${romeo.text}${juliet.text}`).not.toContain(`type="error"`)
    expect((await at.ask('GET', '/readyz')).status).toBe(200)
  })
}

testWith([PYTHON])('the log keeps who asked for what was put off, and by which door', async () => {
  const lines: string[] = []
  startLogging({ level: 'info', format: 'json', write: (line) => void lines.push(line) })
  await using at = await wire({ toml: '[registration]\nmin_password = 0\n' })
  for (const name of ['romeo', 'juliet', 'mercutio']) await at.account(`${name}@bix.org`)
  const juliet = await online(at, 'juliet@bix.org')
  const { token } = (await (
    await at.ask('POST', '/v1/tokens', { name: 'ci', scopes: ['users:write'] })
  ).json()) as { token: string }
  lines.length = 0
  const holder = await hold(at, 1)
  const call = (method: string, path: string, authorization: string, body?: unknown) =>
    fetch(`http://127.0.0.1:${at.port('http')}${path}`, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  const asked = [
    call('PUT', '/v1/me/password', at.basic('romeo@bix.org'), { password: 'another one' }),
    call('POST', '/v1/users/mercutio@bix.org/disable', `Bearer ${token}`),
    at.ask('POST', '/v1/users', { jid: 'tybalt@bix.org', password: 'king of cats' }),
  ]
  const keys = '<username>juliet</username><password>parting is such</password>'
  juliet.send(`<iq type='set' id='p'><query xmlns='jabber:iq:register'>${keys}</query></iq>`)
  expect(await holder.ended).toBe(0)
  for (const answer of asked) expect((await answer).status).toBeLessThan(300)
  const told = lines
    .map((line) => JSON.parse(line) as Record<string, string>)
    .filter(({ area }) => area === 'audit')
  const shown = told.map(({ event, account, by, door }) => [event, account, by, door].join(' | ')).sort()
  expect(shown).toEqual([
    'account created | tybalt@bix.org | operator | Unix socket',
    'account disabled | mercutio@bix.org | token 1 ci | HTTP',
    'password set | juliet@bix.org | juliet@bix.org/wire | in-band',
    'password set | romeo@bix.org | romeo@bix.org | HTTP',
  ])
})

testWith([PYTHON])('a start and a stop wait for it', async () => {
  await using at = await wire()
  await at.account('romeo@bix.org')
  const romeo = await online(at, 'romeo@bix.org')
  const holder = await hold(at, 0.5)
  romeo.send(`<message to='romeo@bix.org' type='chat'><body>to myself</body></message>`)
  await at.restart()
  expect(await holder.ended).toBe(0)
  const next = await hold(at, 0.5)
  await at.restart()
  expect(await next.ended).toBe(0)
  await (await online(at, 'romeo@bix.org')).ping()
})
