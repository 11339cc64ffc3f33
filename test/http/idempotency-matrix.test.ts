/**
 * Every POST of the API's description either takes an Idempotency-Key, and is played here twice with one, or says why it
 * needs none: a new route cannot forget it.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { basic, type HttpWorld, JULIET, ROMEO, startHttp } from './support.ts'

const ROOM = 'verona@conference.bix.org'
const room = `/v1/rooms/${encodeURIComponent(ROOM)}`

interface Making {
  readonly path: string
  readonly body?: object
  readonly as?: string
}

/** By operation: a request that makes something. */
const MAKES: Readonly<Record<string, Making>> = {
  createUser: { path: '/v1/users', body: { jid: 'tybalt@bix.org', password: 'prince of cats' } },
  createToken: { path: '/v1/tokens', body: { name: 'shop', scopes: ['status'] } },
  createMyToken: { path: '/v1/me/tokens', body: { name: 'phone' }, as: basic(ROMEO) },
  createInvite: { path: '/v1/invites', body: { uses: 3 } },
  createRoom: { path: '/v1/rooms', body: { jid: 'mantua@conference.bix.org', owner: ROMEO } },
  addRoomMembers: { path: `${room}/members`, body: { members: [{ jid: JULIET }], invite: true } },
  sendRoomMessage: { path: `${room}/messages`, body: { body: 'A plague on both your houses' } },
  sendMessage: { path: '/v1/messages', body: { to: JULIET, body: 'Soft!' } },
  registerMyDevice: { path: '/v1/me/devices', body: { token: 'ab'.repeat(32) }, as: basic(ROMEO) },
  registerMyDeviceToken: {
    path: '/v1/me/devices/1/tokens',
    body: { kind: 'widget', token: 'cd'.repeat(32) },
    as: basic(JULIET),
  },
  register: { path: '/v1/register', body: { jid: 'paris@bix.org', password: 'long enough' } },
  addBan: { path: '/v1/bans', body: { address: '192.0.2.66' } },
  sendPush: {
    path: '/v1/push/send',
    body: { items: [{ to: { jid: JULIET }, type: 'alert', aps: { alert: 'wherefore' } }] },
  },
  rotateVapidKey: { path: '/v1/push/vapid' },
}

/** Operations with a key that need what the others do not have, and where their play is. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  createBackup: 'below',
  createPushChannel: 'push-channels.test.ts',
  sendToPushChannel: 'push-channels.test.ts',
}

/** Operations that need none, and why. */
const WHY_NOT: Readonly<Record<string, string>> = {
  disableUser: 'once more it is as it was',
  enableUser: 'once more it is as it was',
  testPush: 'rings whenever it is asked, which is what somebody at a screen wants',
  checkPushApps: 'looks, and makes nothing',
  replayWebhook: 'what is on its way is dead no more, and goes once',
  verifyBackup: 'looks, and makes nothing',
  checkDatabase: 'looks, and makes nothing',
  vacuumDatabase: 'once more it finds nothing to do; while one runs it is refused',
  renewCertificates: 'what comes too early is refused by itself',
  reloadCertificates: 'once more it is as it was',
  reloadConfig: 'once more it is as it was',
  bosh: 'a stream, which has request ids of its own (XEP-0124)',
}

interface Operation {
  readonly operationId: string
  readonly parameters?: readonly { readonly name: string }[]
}

let w: HttpWorld
let posts: Operation[]
beforeAll(async () => {
  w = await startHttp((config) => {
    config.limits.http_requests_per_ip = Infinity
    config.registration.http = true
    config.push.simulator = true
    config.push.webpush.contact = 'mailto:admin@bix.org'
  })
  const answer = await w.call('GET', '/v1/openapi.json')
  const { paths } = (await answer.json()) as { paths: Record<string, Record<string, Operation>> }
  posts = Object.values(paths).flatMap((methods) => methods.post ?? [])
  await w.call('POST', '/v1/rooms', { as: 'operator', body: { jid: ROOM, owner: ROMEO } })
  await w.call('POST', '/v1/me/devices', { as: basic(JULIET), body: { token: 'ef'.repeat(32) } })
})
afterAll(() => w[Symbol.dispose]())

const takesKey = ({ parameters = [] }: Operation) => parameters.some(({ name }) => name === 'idempotency-key')

test('each POST takes a key or has a reason, and none is named that is not there', () => {
  const named = { ...MAKES, ...ELSEWHERE }
  const wrong = posts.filter((one) => takesKey(one) !== one.operationId in named)
  expect(wrong.map(({ operationId }) => operationId)).toEqual([])
  const without = posts.filter((one) => !takesKey(one)).map(({ operationId }) => operationId)
  expect(without.toSorted()).toEqual(Object.keys(WHY_NOT).toSorted())
  const all = new Set(posts.map(({ operationId }) => operationId))
  expect(Object.keys(named).filter((name) => !all.has(name))).toEqual([])
})

test.each(Object.entries(MAKES))(
  '%s: the second answer is the first, and nothing is made twice',
  async (name, making) => {
    const { path, body, as = 'operator' } = making
    const ask = (key: string) => w.call('POST', path, { as, body, headers: { 'idempotency-key': key } })
    const first = await ask(`key of ${name}`)
    const text = await first.text()
    expect([first.status < 300, text]).toEqual([true, text])
    expect(first.headers.has('idempotency-replayed')).toBe(false)
    const rows = w.store.db.raw.query('SELECT total_changes() AS n')
    const before = rows.get()
    const again = await ask(`key of ${name}`)
    expect([again.status, await again.text()]).toEqual([first.status, text])
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    expect(rows.get()).toEqual(before)
  },
)

test('createBackup: one job and one backup', async () => {
  using own = await startHttp()
  const home = mkdtempSync(join(tmpdir(), 'belfry-key-'))
  try {
    own.store.db.raw.run(`VACUUM INTO '${home}/belfry.db'`)
    Object.assign(own.world.config, { data_dir: home })
    const ask = () =>
      own.call('POST', '/v1/backups', { as: 'operator', body: {}, headers: { 'idempotency-key': 'nightly' } })
    const first = await (await ask()).json()
    const again = await ask()
    expect([again.status, await again.json()]).toEqual([202, first])
    const listed = async () =>
      (await (await own.call('GET', '/v1/backups', { as: 'operator' })).json()) as {
        items: unknown[]
        running: unknown
      }
    while ((await listed()).running !== null) await new Promise((resolve) => setImmediate(resolve))
    expect((await listed()).items).toHaveLength(1)
    expect(await (await ask()).json()).toEqual(first)
  } finally {
    rmSync(home, { recursive: true })
  }
})
