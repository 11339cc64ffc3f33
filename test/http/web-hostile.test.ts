/** Every page of the web admin, with markup and control characters in whatever other people may have stored. */
import { expect, test } from 'bun:test'
import { features } from '../../src/features/index.ts'
import { addDevice } from '../../src/http/devices.ts'
import { limitsHit } from '../../src/metrics/metrics.ts'
import { SimPhones } from '../../src/ops/apns-sim-phones.ts'
import { actingAs } from '../../src/store/audit.ts'
import { JULIET, ROMEO, startHttp } from './support.ts'
import { post, signIn } from './web-support.ts'

const EVIL = `'"><script>alert(1)</script><img src=x onerror=alert(1)>\u0007\u001b[31m\u202e]]>&amp;<!--`
/** The same for fields that take no control characters. */
const MARKUP = `'"><script>alert(1)</script><img src=x onerror=alert(1)>]]>&amp;<!--`
const TOKEN = 'ab'.repeat(32)

test('what others have stored stays text on every page', async () => {
  using w = await startHttp(() => {}, features)
  const phones = new SimPhones()
  Object.assign(w.deps, { push: { ...w.deps.push, phones } })
  const headers = await signIn(w)
  const juliet = w.store.accounts.find(JULIET)
  if (!juliet) throw new Error('no account')
  await w.call('POST', '/v1/rooms', {
    as: 'operator',
    body: { jid: 'r@conference.bix.org', name: MARKUP, owner: ROMEO },
  })
  await w.call('POST', '/v1/tokens', { as: 'operator', body: { name: EVIL, scopes: ['status'] } })
  w.connect(`${JULIET}/'"><script>alert(1)<`)
  await addDevice(w.deps, juliet, { token: TOKEN, topic: EVIL, of: {} })
  await w.router.run((t) => {
    t.store.accounts.setLastSeen(juliet, 1, EVIL)
    const contact = { jid: `x@bix.org/${EVIL}`, ask: false, pending: null, approved: false }
    t.store.contacts.put(juliet, {
      ...contact,
      name: EVIL,
      groups: [EVIL],
      subscription: 'both',
      listed: true,
    })
    t.store.db.raw
      .query(
        'INSERT INTO clients (account_id, agent, software, device, created_at, last_login) VALUES (?, ?, ?, ?, 1, 1)',
      )
      .run(juliet.id, EVIL, EVIL, EVIL)
  })
  await actingAs({ by: EVIL, door: EVIL, address: EVIL }, () =>
    w.router.run((t) => t.store.audit.note(EVIL, { account: EVIL, value: EVIL })),
  )
  phones.take({
    ...{
      at: 1,
      connection: 1,
      headers: {},
      token: TOKEN,
      topic: EVIL,
      apnsId: EVIL,
      collapseId: EVIL,
      bytes: 1,
    },
    ...{
      payload: { aps: { alert: { title: EVIL, body: EVIL }, 'thread-id': EVIL } },
      status: 200,
      reason: undefined,
    },
  })
  w.checks.push({ name: EVIL, ok: false, detail: EVIL })
  w.alarms.push({ name: EVIL, text: EVIL })
  await w.call('POST', '/v1/bans', { as: 'operator', body: { address: '192.0.2.1', account: JULIET } })
  limitsHit.labels(EVIL).inc()
  Object.assign(w.world.config.push, { proxy: `http://romeo:secret@proxy.example/${EVIL}` })
  const evil = encodeURIComponent(EVIL)
  const paths = [
    ...[
      '/admin/',
      `/admin/?span=${evil}&done=${evil}`,
      '/admin/users',
      `/admin/users?search=${evil}&order=${evil}`,
    ],
    ...[`/admin/users/show?jid=${JULIET}`, `/admin/users/show?jid=${evil}`, '/admin/rooms', '/admin/push'],
    ...['/admin/rooms/show?jid=r@conference.bix.org', '/admin/uploads', `/admin/uploads?account=${evil}`],
    ...[
      '/admin/audit',
      `/admin/audit?about=${evil}&by=${evil}`,
      '/admin/simulator',
      ...['/admin/invites', `/admin/invites?order=${evil}&page=${evil}`, '/admin/tokens', '/admin/bans'],
      ...['/admin/config?all=yes', '/admin/backups', '/admin/about', `/admin/users?trail=${evil}&cursor=`],
      `/admin/language?to=${evil}`,
      `/admin/try?trial=${evil}`,
    ],
  ]
  let seen = 0
  for (const path of paths) {
    const text = await (await w.call('GET', path, { headers })).text()
    expect([path, text.match(/<script(?! src="\/admin\/)|<img(?! src="\/admin\/)|<!--/)?.[0]]).toEqual([
      path,
      undefined,
    ])
    if (text.includes('&lt;script&gt;alert(1)')) seen++
  }
  // What was typed comes back into the form that failed.
  for (const [path, fields] of [
    ['/admin/invites', { jid: EVIL, inviter: EVIL, uses: EVIL, days: EVIL }],
    ['/admin/tokens', { name: EVIL, days: EVIL, scopes: EVIL }],
    ['/admin/bans', { address: EVIL, account: EVIL }],
    ['/admin/backups', { uploads: EVIL }],
    ['/admin/backups/verify', { name: EVIL }],
    ['/admin/uploads/purge', { account: EVIL, days: EVIL }],
    ['/admin/rooms/delete', { jid: 'r@conference.bix.org', reason: EVIL }],
  ] as const) {
    const text = await (await post(w, path, fields, headers)).text()
    expect([path, text.match(/<script(?! src="\/admin\/)|<img(?! src="\/admin\/)|<!--/)?.[0]]).toEqual([
      path,
      undefined,
    ])
  }
  // Most pages show some of it, or this would be a play about nothing.
  expect(seen).toBeGreaterThanOrEqual(12)
  const events = await w.call('GET', '/admin/simulator/events', { headers })
  const reader = events.body?.getReader()
  let text = ''
  while (!text.includes('event: part')) text += Buffer.from((await reader?.read())?.value ?? []).toString()
  expect(text).not.toContain('<script')
  expect(text).toContain('&lt;script&gt;')
  await reader?.cancel()
})
