/** The pages of rooms in the web admin. */
import { expect, test } from 'bun:test'
import { features } from '../../src/features/index.ts'
import { type HttpWorld, JULIET, ROMEO, startHttp } from './support.ts'
import { page, post, signIn } from './web-support.ts'

const VERONA = 'verona@conference.bix.org'

const make = (w: HttpWorld, body: Record<string, unknown>) =>
  w.call('POST', '/v1/rooms', { as: 'operator', body })

test('rooms are listed, looked at and destroyed', async () => {
  using w = await startHttp(() => {}, features)
  await make(w, {
    jid: VERONA,
    name: '<b>Verona</b>',
    owner: ROMEO,
    members: [{ jid: JULIET, nick: 'Capulet' }],
  })
  await make(w, { jid: 'heath@conference.other.example' })
  await w.call('POST', `/v1/rooms/${VERONA}/messages`, { as: 'operator', body: { body: 'a secret' } })
  const cookie = await signIn(w)
  const list = await page(w, '/admin/rooms', cookie)
  expect(list.status).toBe(200)
  expect(list.csp).toContain("default-src 'none'")
  expect(list.text).toContain('&lt;b&gt;Verona&lt;/b&gt;')
  expect(list.text).toContain('no owner')
  expect((await page(w, '/admin/rooms?host=other.example', cookie)).text).not.toContain(VERONA)
  const show = `/admin/rooms/show?jid=${encodeURIComponent(VERONA)}`
  const room = await page(w, show, cookie)
  for (const part of [JULIET, 'Capulet', 'Nobody.', '1 messages, about 1 kB', 'its members alone'])
    expect(room.text).toContain(part)
  expect(room.text).not.toContain('a secret')
  const unsure = await post(w, '/admin/rooms/delete', { jid: VERONA }, cookie)
  expect([unsure.status, (await unsure.text()).includes('I am sure')]).toEqual([422, true])
  const gone = await post(w, '/admin/rooms/delete', { jid: VERONA, sure: 'yes', reason: 'fire' }, cookie)
  expect([gone.status, gone.headers.get('location')]).toEqual([303, '/admin/rooms?done=destroyed'])
  expect(w.store.rooms.find(VERONA)?.gone?.reason).toBe('fire')
  expect((await page(w, show, cookie)).status).toBe(404)
  expect((await page(w, '/admin/rooms/show?jid=x', cookie)).status).toBe(404)
})

test('long lists have pages', async () => {
  using w = await startHttp(() => {}, features)
  for (let n = 10; n < 63; n++) await make(w, { jid: `r${n}@conference.bix.org` })
  const cookie = await signIn(w)
  const first = await page(w, '/admin/rooms', cookie)
  expect([first.text.includes('r59@'), first.text.includes('r60@')]).toEqual([true, false])
  const next =
    /href="(\/admin\/rooms\?[^"]*cursor[^"]*)"/.exec(first.text)?.[1]?.replaceAll('&amp;', '&') ?? ''
  expect((await page(w, next, cookie)).text).toContain('r60@')
})
