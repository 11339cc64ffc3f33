/** A room as XMPPFramework's XMPPRoom writes it, stanza by stanza: no ids, old shapes, and errors of joins unheard. */
import { expect, test } from 'bun:test'
import { child, children, type Element } from '../../../src/xmpp/xml.ts'
import { ADMIN, hears, MUC, MUC_USER, OWNER, ROOM, statuses } from '../../support/rooms.ts'
import { manages } from '../../support/phones.ts'
import { play } from '../../support/world.ts'

const iq = (type: string, id: string, payload: string) =>
  `<iq type='${type}' id='${id}' to='${ROOM}'>${payload}</iq>`
const join = (nick: string, inner = '') =>
  `<presence to='${ROOM}/${nick}'><x xmlns='${MUC}'>${inner}</x></presence>`

test('it makes a room and sends the server’s own form back as it came; the room is open then', async () => {
  using p = play()
  const app = await p.online('romeo@bix.org/iPhone')
  app.sends(join('Romeo'))
  await app.settles()
  // It knows by 201 that the room is new, and by 110 that it is in.
  expect(statuses(app.heard[0]!)).toContain('201')
  app.sends(iq('get', 'c', `<query xmlns='${OWNER}'/>`))
  const form = child(child(await app.answer('c'), 'query', OWNER)!, 'x', 'jabber:x:data')!
  app.sends(iq('set', 'd', `<query xmlns='${OWNER}'>${form.toString()}</query>`))
  expect((await app.answer('d')).attrs.type).toBe('result')
  expect(p.store.rooms.find(ROOM)?.locked).toBe(false)
})

test('its app’s form may lack FORM_TYPE; none at all makes an instant room', async () => {
  using p = play()
  const app = await p.online('romeo@bix.org/iPhone')
  app.sends(join('Romeo'))
  const field = `<field var='muc#roomconfig_persistentroom'><value>1</value></field>`
  app.sends(
    iq('set', 'd', `<query xmlns='${OWNER}'><x xmlns='jabber:x:data' type='submit'>${field}</x></query>`),
  )
  expect((await app.answer('d')).attrs.type).toBe('result')
  expect(p.store.rooms.find(ROOM)?.settings.persistent).toBe(true)
})

test('one message invites several; lists are edited by full addresses, roles by address', async () => {
  using p = play()
  const app = await p.online('romeo@bix.org/iPhone')
  const others = [await p.online('juliet@bix.org/iPhone'), await p.online('nurse@bix.org/iPhone')]
  app.sends(join('Romeo'))
  app.sends(iq('set', 'd', `<query xmlns='${OWNER}'><x xmlns='jabber:x:data' type='submit'/></query>`))
  await app.answer('d')
  app.sends(
    `<message to='${ROOM}'><x xmlns='${MUC_USER}'><invite to='juliet@bix.org'><reason>come</reason></invite>` +
      `<invite to='nurse@bix.org'><reason>come</reason></invite></x></message>`,
  )
  for (const other of others) {
    await app.settles()
    await other.settles()
    const invited = other.heard.filter((el: Element) => child(el, 'x', MUC_USER))
    expect(invited.map(({ attrs }) => attrs.from)).toEqual([ROOM])
    other.forget()
  }
  others[0]?.sends(join('Juliet'))
  others[1]?.sends(join('Nurse'))
  for (const other of others) await other.settles()
  const items = `<item affiliation='member' jid='juliet@bix.org/iPhone'/><item affiliation='member' jid='nurse@bix.org/iPhone'/>`
  app.sends(iq('set', 'e', `<query xmlns='${ADMIN}'>${items}</query>`))
  expect((await app.answer('e')).attrs.type).toBe('result')
  app.sends(
    iq('set', 'r', `<query xmlns='${ADMIN}'><item role='visitor' jid='nurse@bix.org/iPhone'/></query>`),
  )
  expect((await app.answer('r')).attrs.type).toBe('result')
  app.sends(iq('get', 'm', `<query xmlns='${ADMIN}'><item affiliation='member'/></query>`))
  const list = children(child(await app.answer('m'), 'query', ADMIN)!, 'item')
  expect(list.map(({ attrs }) => `${attrs.jid} ${attrs.role}`)).toEqual([
    'juliet@bix.org participant',
    'nurse@bix.org visitor',
  ])
})

test('a change of nick is presence without <x/>; after a resumed session it comes in again and nobody hears of it', async () => {
  using p = play()
  const app = await p.online('romeo@bix.org/iPhone')
  const juliet = await p.online('juliet@bix.org/iPhone')
  app.sends(join('Romeo'))
  app.sends(iq('set', 'd', `<query xmlns='${OWNER}'><x xmlns='jabber:x:data' type='submit'/></query>`))
  await app.answer('d')
  juliet.sends(join('Juliet'))
  await hears(juliet)
  app.sends(`<presence to='${ROOM}/Montague'/>`)
  await app.settles()
  expect(await hears(juliet)).toEqual(['-Romeo owner/moderator 303', 'Montague owner/moderator'])
  app.forget()
  const id = await manages(app)
  app.transport.destroy()
  const again = await p.returns('romeo@bix.org')
  again.sends(`<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='1'/>`)
  expect((await again.next()).name).toBe('resumed')
  await again.settles()
  again.forget()
  again.sends(join('Montague', `<history maxstanzas='0'/>`))
  expect(await hears(again)).toEqual(['Juliet none/participant', 'Montague owner/moderator 110 100', '# '])
  expect(await hears(juliet)).toEqual([])
})
