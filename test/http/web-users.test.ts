/** The pages of accounts in the web admin. */
import { expect, test } from 'bun:test'
import { features } from '../../src/features/index.ts'
import { addDevice } from '../../src/http/devices.ts'
import { ADMIN, type HttpWorld, JULIET, ROMEO, startHttp } from './support.ts'
import { page, post, signIn } from './web-support.ts'

const show = (jid: string) => `/admin/users/show?jid=${encodeURIComponent(jid)}`
const names = (text: string) => [...text.matchAll(/show\?jid=([^"%]*)%40/g)].map(([, name]) => name)
const linkOf = (text: string, words: string) =>
  new RegExp(`href="([^"]*)"[^>]*>${words}`).exec(text)?.[1]?.replaceAll('&amp;', '&') ?? ''

/** 120 accounts of one letter and a number; made in another order than that of their names, a third never seen. */
async function crowd(w: HttpWorld): Promise<void> {
  await w.router.run((t) => {
    for (let i = 0; i < 120; i++) {
      const made = t.store.accounts.adopt(`c${(i * 7) % 120}@bix.org`, 'bix.org', {}, 1_000_000 + (i >> 1))
      if (made && i % 3 > 0) t.store.accounts.setLastSeen(made, 2_000_000 + ((i * 11) % 120), null)
    }
  })
}

test('the list is counted, searched, and goes through all of it in each order', async () => {
  using w = await startHttp()
  await crowd(w)
  const cookie = await signIn(w)
  const all = w.store.accounts.list({ limit: 500 })
  const key = { jid: 'jid', created: 'createdAt', seen: 'lastSeen' } as const
  for (const order of ['jid', 'created', 'seen'] as const)
    for (const [falling, search] of [
      ['', ''],
      ['yes', ''],
      ['', 'C'],
      ['yes', 'C'],
    ] as const) {
      const found: (string | undefined)[] = []
      const matching = all.filter(({ jid }) => jid.includes(search.toLowerCase()))
      let path = `/admin/users?order=${order}&falling=${falling}&search=${search}`
      for (; path !== ''; path = linkOf(path, 'Next page')) {
        const { text } = await page(w, path, cookie)
        expect(text).toContain(`<span class="state">${matching.length}</span>`)
        found.push(...names(text))
        path = text
      }
      const value = (account: (typeof all)[number]) => account[key[order]] ?? 0
      const sorted = matching.toSorted((a, b) => {
        const way = falling === '' ? 1 : -1
        return (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : a.id - b.id) * way
      })
      expect(found).toEqual(sorted.map(({ jid }) => jid.split('@')[0]))
    }
  const some = await page(w, '/admin/users?search=C11&order=seen', cookie)
  expect(some.text).toContain('<span class="state">11</span>')
  expect(names(some.text).length).toBe(11)
  // What a pattern would mean is itself.
  expect((await page(w, '/admin/users?search=c%25', cookie)).text).toContain('Nobody matches.')
  for (const cursor of [
    'x',
    Buffer.from('[]').toString('base64url'),
    Buffer.from('["a",1]').toString('base64url'),
  ])
    expect((await page(w, `/admin/users?order=seen&cursor=${cursor}`, cookie)).status).toBe(400)
})

test('a form that fails keeps what was typed, but for the password', async () => {
  using w = await startHttp()
  const cookie = await signIn(w)
  const failed = await post(w, '/admin/users', { jid: `x"<y>@nowhere`, password: 'secret words' }, cookie)
  const text = await failed.text()
  expect([failed.status, text.includes('value="x&quot;&lt;y&gt;@nowhere"')]).toEqual([422, true])
  expect(text).not.toContain('secret words')
})

test('the page of an account: sessions are closed, devices ring and are forgotten', async () => {
  using w = await startHttp(() => {}, features)
  w.store.audit.isAdmin = (jid) => jid === ADMIN
  const cookie = await signIn(w)
  const one = w.connect(`${JULIET}/<b>balcony`)
  const other = w.connect(`${JULIET}/garden`)
  const account = w.store.accounts.find(JULIET)
  if (!account) throw new Error('no account')
  const device = await addDevice(w.deps, account, { token: 'ab'.repeat(32), of: {} })
  const { text } = await page(w, show(JULIET), cookie)
  for (const part of [
    '&lt;b&gt;balcony',
    'garden',
    'org.example.chat',
    '…ababab',
    '0, 0 kB',
    '0 messages',
    'Contacts',
  ])
    expect(text).toContain(part)
  const kicked = await post(w, '/admin/users/kick', { jid: JULIET, resource: '<b>balcony' }, cookie)
  expect([kicked.status, kicked.headers.get('location')]).toEqual([303, `${show(JULIET)}&done=kicked`])
  expect([one.closed.length, other.closed.length]).toEqual([1, 0])
  await post(w, '/admin/users/kick', { jid: JULIET }, cookie)
  expect(other.closed.length).toBe(1)
  Object.assign(w.deps, {
    pushTest: async () => [{ device: device.id, result: 'failed', reason: 'BadDeviceToken <i>' }],
  })
  const rung = await post(w, '/admin/users/ring', { jid: JULIET }, cookie)
  expect(await rung.text()).toContain('BadDeviceToken &lt;i&gt;')
  await post(w, '/admin/users/forget', { jid: JULIET, device: device.id }, cookie)
  expect(w.store.push.devices.of(account.id)).toEqual([])
  const again = await post(w, '/admin/users/forget', { jid: JULIET, device: device.id }, cookie)
  expect([again.status, (await again.text()).includes('gone already')]).toEqual([422, true])
  const noted = w.store.audit
    .page({ about: JULIET }, undefined, 10)
    .map(({ event, by }) => `${event} by ${by}`)
  for (const event of ['test push', 'device removed']) expect(noted).toContain(`${event} by ${ADMIN}`)
  expect((await post(w, '/admin/users/kick', { jid: 'nobody@bix.org' }, cookie)).status).toBe(404)
})

test('an export is a whole file, whatever it has in it', async () => {
  using w = await startHttp(() => {}, features)
  w.store.audit.isAdmin = (jid) => jid === ADMIN
  const cookie = await signIn(w)
  await w.router.run((t) => {
    const romeo = t.store.accounts.find(ROMEO)
    if (!romeo) throw new Error('no account')
    const contact = { jid: JULIET, name: '<&>', groups: [], ask: false, pending: null, approved: false }
    t.store.contacts.put(romeo, { ...contact, subscription: 'both', listed: true })
  })
  for (let i = 0; i < 3; i++)
    await w.call('POST', '/v1/messages', {
      as: 'operator',
      body: { from: JULIET, to: ROMEO, body: `hark ${i}` },
    })
  const answer = await w.call('GET', `/admin/users/export?jid=${encodeURIComponent(ROMEO)}`, {
    headers: cookie,
  })
  expect(answer.headers.get('content-disposition')).toBe('attachment; filename="romeo@bix.org.xml"')
  const text = await answer.text()
  expect(text).toContain('<user name="romeo">')
  expect(text).toContain('SCRAM-SHA-256')
  expect(text).toEndWith('</user>\n</host>\n</server-data>\n')
  expect(text.split('<offline-messages>').length).toBe(2)
  expect(text.match(/hark \d/g)?.length).toBeGreaterThanOrEqual(3)
  expect(w.store.audit.page({ about: ROMEO, event: 'account exported' }, undefined, 10)).toMatchObject([
    { by: ADMIN },
  ])
})
