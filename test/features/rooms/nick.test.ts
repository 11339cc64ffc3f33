/** Nicks, status and leaving: XEP-0045 §7.2.8, §7.6, §7.7, §7.14, §17.3. */
import { expect, test } from 'bun:test'
import { childText } from '../../../src/xmpp/xml.ts'
import { changes, enters, hears, inside, itemOf, ROOM, says } from '../../support/rooms.ts'
import { play } from '../../support/world.ts'

test('XEP-0045 §7.6 a change of nick: everybody hears 303 and the new name, the changer with 110', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await hears(romeo)
  romeo.sends(`<presence to='${ROOM}/Montague' id='n'/>`)
  await romeo.settles()
  expect(romeo.heard[1]?.attrs.id).toBe('n')
  expect(await hears(romeo)).toEqual(['-Romeo owner/moderator 303 110', 'Montague owner/moderator 110'])
  await juliet.settles()
  expect(itemOf(juliet.heard[0]!)?.attrs.nick).toBe('Montague')
  expect(await hears(juliet)).toEqual(['-Romeo owner/moderator 303', 'Montague owner/moderator'])
  juliet.sends(`<presence to='${ROOM}/montague'/>`)
  expect(await hears(juliet)).toEqual(['! conflict'])
})

test('XEP-0045 §7.2.8 two clients of one account share a nick; messages reach both, the last one leaves for all', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  const phone = await p.online('romeo@bix.org/phone')
  romeo.forget()
  await enters(phone, 'Romeo')
  expect(await hears(phone)).toEqual(['Juliet none/participant', 'Romeo owner/moderator 110 100', '# '])
  juliet.forget()
  romeo.forget()
  says(juliet, 'hark')
  for (const actor of [juliet, romeo, phone]) expect(await hears(actor)).toEqual(['Juliet: hark'])
  phone.sends(`<presence type='unavailable' to='${ROOM}/Romeo'/>`)
  expect(await hears(phone)).toEqual(['-Romeo owner/none 110'])
  expect(await hears(juliet)).toEqual(['Romeo owner/moderator'])
  romeo.forget()
  romeo.sends(`<presence type='unavailable' to='${ROOM}/Romeo'><status>bye</status></presence>`)
  await juliet.settles()
  expect(childText(juliet.heard[0]!, 'status')).toBe('bye')
  expect(await hears(juliet)).toEqual(['-Romeo owner/none'])
})

test('XEP-0045 §17.3 a client that comes in again hears everything anew, and nobody else anything', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  says(romeo, 'hark')
  await hears(juliet)
  await hears(romeo)
  await enters(juliet, 'Juliet')
  expect(await hears(juliet)).toEqual([
    'Romeo owner/moderator',
    'Juliet none/participant 110 100',
    'Romeo: hark',
    '# ',
  ])
  expect(await hears(romeo)).toEqual([])
})

test('XEP-0045 §5.1, §5.2, §7.7: a new status is shown with role and affiliation; what a client says of those is not', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await hears(romeo)
  juliet.sends(
    `<presence to='${ROOM}/Juliet'><show>away</show><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' role='moderator'/>` +
      `</x><occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/><hats xmlns='urn:xmpp:hats:0'><hat title='King'/></hats></presence>`,
  )
  await romeo.settles()
  const [el] = romeo.heard
  expect(childText(el!, 'show')).toBe('away')
  expect(el?.toString()).not.toMatch(/forged|King/)
  expect(await hears(romeo)).toEqual(['Juliet none/participant'])
})

test('XEP-0045 §7.2.18 who is not in the room and says presence is told to come in again; a host can let it in', async () => {
  using p = play()
  await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await p.online('juliet@bix.org/balcony')
  juliet.sends(`<presence to='${ROOM}/Juliet'/>`)
  expect(await hears(juliet)).toEqual(['-Juliet none/none 110 307 333'])
  using old = play({ toml: '[muc]\nlegacy_join = true' })
  const first = await inside(old, 'romeo@bix.org/orchard', 'Romeo')
  const second = await old.online('juliet@bix.org/balcony')
  first.forget()
  second.sends(`<presence to='${ROOM}/Juliet'/>`)
  expect((await hears(second))[1]).toBe('Juliet none/participant 110 100')
})

test('a nick may begin with a slash, and an empty one is refused', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', '/help')
  says(romeo, 'hark')
  expect(await hears(romeo)).toEqual(['/help: hark'])
  for (const to of [ROOM, `${ROOM}/`]) {
    romeo.sends(`<presence to='${to}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
    expect(await hears(romeo)).toEqual(['! jid-malformed'])
  }
})

test('a session that ends leaves its rooms; a temporary room ends with its last occupant', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  romeo.sends('</stream:stream>')
  expect(await hears(juliet)).toEqual(['-Romeo owner/none'])
  expect(p.store.rooms.find(ROOM)).toBeDefined()
  juliet.sends(`<presence type='unavailable'/>`)
  await juliet.settles()
  expect(p.store.rooms.find(ROOM)).toBeUndefined()
})

test('muc.refuse_lookalike_nicks: no nick that looks like another’s, in the room or kept for somebody; one’s own may', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await changes(romeo, `<item affiliation='member' jid='nurse@bix.org' nick='Angelica'/>`)
  const paul = await p.online('paul@bix.org/home')
  // Cyrillic, a digit for a letter, a script letter, one that nobody sees.
  for (const nick of ['R\u043emeo', 'R0meo', 'Rorneo', '\u0391ngelica', 'Ange\u2113ica', 'Ange1ica']) {
    await enters(paul, nick)
    expect([nick, await hears(paul)]).toEqual([nick, ['! conflict']])
  }
  await enters(paul, 'Paul')
  await hears(paul)
  paul.sends(`<presence to='${ROOM}/Rom\u0435o'/>`)
  expect(await hears(paul)).toEqual(['! conflict'])
  romeo.sends(`<presence to='${ROOM}/R0meo'/>`)
  expect((await hears(romeo)).at(-1)).toBe('R0meo owner/moderator 110')
  paul.sends(`<presence to='${ROOM}/Rorneo'/>`)
  expect(await hears(paul)).toContain('! conflict')
  // With its owner the look is free.
  romeo.sends(`<presence type='unavailable' to='${ROOM}/R0meo'/>`)
  await romeo.settles()
  paul.sends(`<presence to='${ROOM}/Rorneo'/>`)
  expect((await hears(paul)).at(-1)).toBe('Rorneo none/participant 110')
})

test('muc.refuse_lookalike_nicks = false lets them in', async () => {
  using p = play({ toml: '[muc]\nrefuse_lookalike_nicks = false' })
  await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const paul = await p.online('paul@bix.org/home')
  await enters(paul, 'R0meo')
  expect((await hears(paul)).at(-2)).toBe('R0meo none/participant 110 100')
})
