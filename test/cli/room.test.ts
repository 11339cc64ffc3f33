/** `belfry room`: as processes on the data of a stopped server. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MAIN = join(import.meta.dir, '../../src/main.ts')
const VERONA = 'verona@conference.bix.org'
let home: string
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'belfry-room-'))
  const lines = [
    'hosts = ["bix.org", "other.example"]',
    '[auth]',
    'scram_iterations = 4096',
    '[push]',
    'simulator = true',
  ]
  writeFileSync(join(home, 'belfry.toml'), lines.join('\n'))
  for (const jid of ['romeo@bix.org', 'juliet@bix.org'])
    expect((await belfry(['user', 'add', jid, '--password-stdin'], 'secret words')).code).toBe(0)
})
afterAll(() => rmSync(home, { recursive: true }))

async function belfry(args: readonly string[], input?: string) {
  const run = Bun.spawn([process.execPath, MAIN, ...args], {
    cwd: home,
    stdin: input === undefined ? 'ignore' : Buffer.from(input),
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...process.env, BELFRY_CONFIG: '' },
  })
  const [out, err, code] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited])
  return { out, err, code }
}

const room = (...args: string[]) => belfry(['room', ...args])
const json = async <T>(...args: string[]): Promise<T> => {
  const { out, err, code } = await room(...args, '-o', 'json')
  if (code !== 0) throw new Error(err)
  return JSON.parse(out) as T
}

test('a room is made, shown, listed, talks and is destroyed', async () => {
  const made = await room(
    'create',
    VERONA,
    '--name',
    'Verona',
    '--owner',
    'romeo@bix.org',
    '--member',
    'juliet@bix.org',
  )
  expect(made).toEqual({ out: `${VERONA} made\n`, err: '', code: 0 })
  expect((await room('create', VERONA)).code).toBe(1)
  const other = await json<{ jid: string }>('create', '--host', 'other.example', '--public')
  expect(other.jid).toEndWith('@conference.other.example')
  const listed = (await room('list')).out.split('\n')
  expect(listed[0]).toMatch(/^JID +NAME +OCCUPANTS +MEMBERS +OWNERS +PUBLIC +CREATED$/)
  expect(listed.find((line) => line.startsWith(VERONA))).toMatch(/ +Verona +0 +2 +1 +false +20/)
  expect((await json<{ jid: string }[]>('list', '--without-owner')).map(({ jid }) => jid)).toEqual([
    other.jid,
  ])
  expect((await json<unknown[]>('list', '--host', 'other.example')).length).toBe(1)
  expect((await room('show', VERONA)).out).toMatch(/^jid: +verona@conference\.bix\.org\nname: +Verona\n/)
  expect((await room('show', 'nowhere@conference.bix.org')).code).toBe(4)

  expect((await room('send', VERONA, 'hark')).code).toBe(0)
  expect((await room('send', VERONA, 'ay me', '--from', 'juliet@bix.org', '--id', 'a')).code).toBe(0)
  expect((await room('send', VERONA, 'ay me', '--from', 'juliet@bix.org', '--id', 'a')).code).toBe(0)
  const said = await json<{ body: string; nick: string | null }[]>('history', VERONA)
  expect(said.map(({ nick, body }) => [nick, body])).toEqual([
    ['juliet', 'ay me'],
    [null, 'hark'],
  ])
  expect(await json<unknown[]>('history', VERONA, '--limit', '1')).toHaveLength(1)
  expect((await room('history', VERONA, '--limit', 'all')).code).toBe(2)

  expect((await room('delete', VERONA)).code).toBe(2)
  expect((await room('delete', VERONA, '--yes', '--reason', 'fire')).out).toBe(`${VERONA} destroyed\n`)
  expect((await room('delete', VERONA, '--yes')).code).toBe(4)
}, 30_000)

test('members are added, listed and removed', async () => {
  const heath = 'heath@conference.bix.org'
  expect((await room('create', heath)).code).toBe(0)
  const added = await room('member', 'add', heath, 'romeo@bix.org', 'juliet@bix.org')
  expect(added.out).toMatch(
    /^JID +AFFILIATION +NICK +BOOKMARKED +INVITED\nromeo@bix\.org +member +romeo +true +true\n/,
  )
  expect(
    (await room('member', 'add', heath, 'juliet@bix.org', '--nick', 'Capulet', '--affiliation', 'admin'))
      .code,
  ).toBe(0)
  const rows = await json<{ jid: string; affiliation: string; nick: string }[]>('member', 'list', heath)
  expect(rows.map(({ jid, affiliation, nick }) => `${jid} ${affiliation} ${nick}`)).toEqual([
    'juliet@bix.org admin Capulet',
    'romeo@bix.org member romeo',
  ])
  expect((await room('member', 'remove', heath, 'romeo@bix.org', '--reason', 'exile')).out).toBe(
    `romeo@bix.org removed from ${heath}\n`,
  )
  expect((await room('member', 'remove', heath, 'romeo@bix.org')).code).toBe(4)
  expect((await room('member', 'add', heath, 'nobody@bix.org')).code).toBe(4)
  const two = await room('member', 'add', heath, 'romeo@bix.org', 'juliet@bix.org', '--nick', 'R')
  expect([two.code, two.err]).toEqual([2, 'error: --nick is the name of one account\n'])
  expect((await belfry(['room', 'member'])).code).toBe(2)
}, 30_000)

test('who has changed a room is asked of the audit, by the time and with a limit', async () => {
  const all = await belfry(['audit', 'list', '--about', VERONA, '-o', 'json'])
  const rows = JSON.parse(all.out) as { event: string; by: string; door: string }[]
  expect(rows.map(({ event }) => event)).toContain('room destroyed')
  expect(new Set(rows.map(({ by, door }) => `${by}, ${door}`))).toEqual(
    new Set(['operator, command line, server stopped']),
  )
  const one = await belfry(['audit', 'list', '--since', '1h', '--limit', '1'])
  expect(one.out.trimEnd().split('\n')).toHaveLength(2)
  expect(one.out).toMatch(/^AT +EVENT +ABOUT +BY +DOOR +ADDRESS +FACTS\n/)
  expect((await belfry(['audit', 'list', '--since', 'soon'])).code).toBe(2)
  expect((await belfry(['audit', 'list', '--limit', '0'])).code).toBe(2)
})
