/** Another server, at remote.example: what it is given, what it sends, and who hears of errors. */
import { expect, test } from 'bun:test'
import { Jid } from '../../src/xmpp/jid.ts'
import { Stanza } from '../../src/xmpp/stanza.ts'
import { child, childText, xml } from '../../src/xmpp/xml.ts'
import { cast, PUSH, settle } from '../support/phones.ts'
import { archive, FRED, remote } from './remote.ts'

const body = (text: string) => xml('body', {}, text)
test('what an account sends there has the whole of the sender’s half: once, archive, copies', async () => {
  using r = remote()
  const romeo = await r.p.online('romeo@bix.org/orchard')
  const desk = await r.p.online('romeo@bix.org/desk')
  await desk.asks('set', `<enable xmlns='urn:xmpp:carbons:2'/>`)
  await romeo.settles()
  romeo.forget()
  const text = `<message to='${FRED}' type='chat' id='m'><body>hark</body><origin-id xmlns='urn:xmpp:sid:0' id='m'/></message>`
  romeo.sends(text + text)
  await romeo.hearsNothing()
  await desk.settles()
  expect(r.got.map((el) => [el.attrs.from, el.attrs.to, childText(el, 'body')])).toEqual([
    ['romeo@bix.org/orchard', FRED, 'hark'],
  ])
  expect(archive(r.p)).toEqual(['romeo@bix.org fred@remote.example'])
  expect(desk.heard.filter((el) => child(el, 'sent', 'urn:xmpp:carbons:2'))).toHaveLength(1)
})

test('what it sends has the whole of the recipient’s half: archive, box, phone, every client', async () => {
  using r = remote({ toml: PUSH })
  await cast(r.p)
  await r.says('message', 'juliet@bix.org', { type: 'chat', id: '1' }, body('one'))
  expect([archive(r.p), r.p.store.messages.totalOffline()]).toEqual([
    ['juliet@bix.org fred@remote.example'],
    1,
  ])
  expect(r.p.pushed.map(({ kind }) => kind)).toEqual(['body'])
  const juliet = await r.p.online('juliet@bix.org/balcony')
  for (const n of ['2', '3'])
    await r.says('message', 'juliet@bix.org/balcony', { type: 'chat', id: n }, body(n))
  await juliet.settles()
  expect(juliet.heard.map((el) => childText(el, 'body'))).toEqual(['2', '3'])
})

test('queries go and come back both ways, slow ones and refused ones too', async () => {
  using r = remote()
  const romeo = await r.p.online('romeo@bix.org/orchard')
  romeo.sends(`<iq type='get' id='q' to='${FRED}'><query xmlns='jabber:iq:version'/></iq>`)
  await romeo.settles()
  expect(r.got.map((el) => [el.name, el.attrs.id, el.attrs.from])).toEqual([
    ['iq', 'q', 'romeo@bix.org/orchard'],
  ])
  await r.says(
    'iq',
    'romeo@bix.org/orchard',
    { type: 'result', id: 'q' },
    xml('query', { xmlns: 'jabber:iq:version' }),
  )
  expect((await romeo.answer('q')).attrs.from).toBe(FRED)
  r.got.length = 0
  await r.says('iq', 'bix.org', { type: 'get', id: 'p' }, xml('ping', { xmlns: 'urn:xmpp:ping' }))
  await r.says('iq', 'romeo@bix.org', { type: 'get', id: 'v' }, xml('vCard', { xmlns: 'vcard-temp' }))
  await r.says('iq', 'nobody@bix.org', { type: 'get', id: 'n' }, xml('vCard', { xmlns: 'vcard-temp' }))
  expect(r.got.map((el) => [el.attrs.id, el.attrs.type, el.attrs.to])).toEqual([
    ['p', 'result', FRED],
    ['v', 'error', FRED],
    ['n', 'error', FRED],
  ])
})

test('errors go to who sent: a bounce there, an error of theirs here; none is answered by another', async () => {
  using r = remote()
  const romeo = await r.p.online('romeo@bix.org/orchard')
  await r.says('message', 'nobody@bix.org', { type: 'chat', id: 'x' }, body('hark'))
  await r.says('message', 'nobody@bix.org', { type: 'error', id: 'y' })
  await r.says('message', 'romeo@bix.org/orchard', { type: 'error', id: 'z' })
  expect(r.got.map((el) => [el.name, el.attrs.type, el.attrs.id, el.attrs.to])).toEqual([
    ['message', 'error', 'x', FRED],
  ])
  await romeo.receives(`<message type='error' id='z' from='${FRED}' to='romeo@bix.org/orchard'/>`)
  expect(() =>
    r.p.router.receive(Stanza.make('message', Jid.parse('juliet@bix.org'), Jid.parse('romeo@bix.org'), {})),
  ).toThrow('invalid-from')
})

test('presence: request, grant, broadcast, probe and the end', async () => {
  using r = remote()
  const romeo = await r.p.online('romeo@bix.org/orchard')
  await r.says('presence', 'romeo@bix.org', { type: 'subscribe' })
  expect((await romeo.next()).attrs.type).toBe('subscribe')
  romeo.sends(`<presence to='fred@remote.example' type='subscribed'/>`)
  await romeo.settles()
  await r.says('presence', 'romeo@bix.org', { type: 'probe' })
  romeo.sends('</stream:stream>')
  await settle(r.p)
  await r.says('presence', 'romeo@bix.org', { type: 'probe' })
  expect(r.got.map((el) => el.attrs.type ?? 'available')).toEqual([
    'subscribed',
    'available',
    'available',
    'unavailable',
    'unavailable',
  ])
})
