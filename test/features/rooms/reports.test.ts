/** What has gone wrong in rooms elsewhere, played here: entering and leaving, nicks, presence. The list: test/rooms.md. */
import { expect, test } from 'bun:test'
import { child, type Element } from '../../../src/xmpp/xml.ts'
import { manages, settle } from '../../support/phones.ts'
import {
  ADMIN,
  changes,
  conditionOf,
  configures,
  enters,
  hears,
  inside,
  itemOf,
  OWNER,
  ROOM,
  says,
  short,
  statuses,
} from '../../support/rooms.ts'
import { cut } from '../../support/sm.ts'
import { play } from '../../support/world.ts'

test('a client that hibernates stays in the room for as long as it may come back, whatever the room sends it', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await manages(juliet)
  await hears(romeo)
  cut(juliet)
  for (let minutes = 0; minutes < 4; minutes++) {
    p.clock.advance(60_000)
    says(romeo, `still there ${minutes}`)
    await settle(p)
    expect((await hears(romeo)).filter((line) => line.startsWith('-'))).toEqual([])
  }
})

test('once the time to come back is over the occupant is gone, and a member is one as before', async () => {
  using p = play({ toml: '[sm]\nmax = "2m"' })
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`)
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await manages(juliet)
  await hears(romeo)
  cut(juliet)
  await settle(p)
  p.clock.advance(121_000)
  await settle(p)
  expect((await hears(romeo)).filter((line) => line.startsWith('-'))).toEqual(['-Juliet member/none'])
  says(romeo, 'hark')
  await romeo.settles()
  // What is said meanwhile is hers to read, and she comes in again as what she was.
  const again = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  const archive = await again.asks('set', `<query xmlns='urn:xmpp:mam:2'/>`, ROOM)
  expect(archive.attrs.type).toBe('result')
  expect(again.heard.join('')).toContain('<body>hark</body>')
  expect((await hears(romeo)).at(-1)).toBe('Juliet member/participant')
})

test('XEP-0045 §18.1.2 a dead client of an account takes none of its others with it, and hears why it is out', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const phone = await inside(p, 'juliet@bix.org/phone', 'Juliet')
  const desk = await inside(p, 'juliet@bix.org/desk', 'Juliet')
  for (const one of [romeo, phone, desk]) await hears(one)
  phone.sends(
    `<message type='error' to='${ROOM}/Romeo'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
  )
  const own = (await hears(phone)).find((line) => line.startsWith('-'))
  expect(own?.split(' ').slice(2).toSorted()).toEqual(['110', '333'])
  expect((await hears(romeo)).filter((line) => line.startsWith('-'))).toEqual([])
  desk.forget()
  says(romeo, 'hark')
  await romeo.settles()
  expect(await hears(desk)).toEqual(['Romeo: hark'])
  expect(await hears(phone)).toEqual([])
})

test('XEP-0045 §7.1 a second client’s join has its id in its own copy alone, and 110 is for the account’s own', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const phone = await inside(p, 'juliet@bix.org/phone', 'Juliet')
  await hears(romeo)
  await hears(phone)
  const desk = await p.online('juliet@bix.org/desk')
  await enters(desk, 'Juliet')
  const about = (heard: readonly Element[]) =>
    heard
      .filter(({ name, attrs }) => name === 'presence' && attrs.from === `${ROOM}/Juliet`)
      .map((el) => [el.attrs.id, statuses(el).includes('110')])
  await phone.settles()
  await romeo.settles()
  expect(about(desk.heard)).toEqual([['in-Juliet', true]])
  for (const [id, own] of about(phone.heard)) expect([id, own]).toEqual([undefined, true])
  for (const [id, own] of about(romeo.heard)) expect([id, own]).toEqual([undefined, false])
})

test('a hundred quick cycles of joining and leaving are each answered, with the limits of a fresh server', async () => {
  using p = play({ toml: '[limits]' })
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await p.online('juliet@bix.org/balcony')
  for (let i = 0; i < 100; i++) {
    await enters(juliet, 'Juliet', `<history maxstanzas='0'/>`)
    const [answer, ...rest] = (await hears(juliet)).filter((line) => !line.startsWith('Romeo'))
    expect(['Juliet none/participant 110 100', '! resource-constraint']).toContain(answer!)
    if (answer?.startsWith('!')) expect(rest).toEqual([])
    juliet.sends(`<presence type='unavailable' to='${ROOM}/Juliet'/>`)
    expect(await hears(juliet)).toEqual(answer?.startsWith('!') ? [] : ['-Juliet none/none 110'])
    // A stream may be held back for a moment, and is never closed.
    p.clock.advance(1_000)
  }
  expect((await hears(romeo)).filter((line) => line.startsWith('-Juliet')).length).toBeGreaterThan(50)
})

test('XEP-0045 §7.6 the nick of one’s own other client may be taken, and of two clients with one nick one may take another', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const phone = await inside(p, 'juliet@bix.org/phone', 'Juliet')
  const desk = await inside(p, 'juliet@bix.org/desk', 'Capulet')
  for (const one of [romeo, phone, desk]) await hears(one)
  desk.sends(`<presence to='${ROOM}/Juliet'/>`)
  expect((await hears(desk)).filter((line) => /303|110/.test(line))).toEqual([
    '-Capulet none/participant 303 110',
    'Juliet none/participant 110',
  ])
  expect((await hears(romeo))[0]).toBe('-Capulet none/participant 303')
  await hears(phone)
  // With two clients under one nick the one that changes hears 303 and 110, the others of its new name.
  desk.sends(`<presence to='${ROOM}/Jule'/>`)
  const changer = await hears(desk)
  expect(changer.filter((line) => line.includes('110'))).toEqual([
    '-Juliet none/participant 303 110',
    'Jule none/participant 110',
  ])
  expect(await hears(romeo)).toContain('Jule none/participant')
  says(phone, 'hark')
  await phone.settles()
  expect((await hears(romeo)).at(-1)).toBe('Juliet: hark')
})

test('XEP-0045 §7.2.2, §7.6: whoever’s presence is not broadcast hears its own all the same: entering, nick, status, leaving', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await configures(romeo, { 'muc#roomconfig_presencebroadcast': ['moderator'] })
  const nurse = await inside(p, 'nurse@bix.org/kitchen', 'Nurse')
  const juliet = await p.online('juliet@bix.org/balcony')
  await hears(nurse)
  await enters(juliet, 'Juliet')
  const heard = await hears(juliet)
  expect(heard.filter((line) => !line.startsWith('#'))).toEqual([
    'Romeo owner/moderator',
    'Juliet none/participant 110 100',
  ])
  juliet.sends(`<presence to='${ROOM}/Capulet'/>`)
  expect(await hears(juliet)).toEqual(['-Juliet none/participant 303 110', 'Capulet none/participant 110'])
  juliet.sends(`<presence to='${ROOM}/Capulet'><show>away</show></presence>`)
  expect(await hears(juliet)).toEqual(['Capulet none/participant 110'])
  juliet.sends(`<presence type='unavailable' to='${ROOM}/Capulet'/>`)
  expect(await hears(juliet)).toEqual(['-Capulet none/none 110'])
  expect(await hears(nurse)).toEqual([])
})

test('100, 170 and 201 are said once, at the entry; whoever takes a nick is never given another (210)', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await enters(romeo, 'Romeo')
  expect(romeo.heard.flatMap(statuses)).toEqual(['110', '100', '201'])
  romeo.forget()
  await configures(romeo, { 'muc#roomconfig_enablelogging': '1' })
  await hears(romeo)
  romeo.sends(`<presence to='${ROOM}/Romeo'><show>away</show></presence>`)
  romeo.sends(`<presence to='${ROOM}/Montague'/>`)
  await romeo.settles()
  expect(romeo.heard.flatMap(statuses)).toEqual(['110', '303', '110', '110'])
})

test('XEP-0486 §8: no presence ever comes from the room’s bare address, whatever happens in it', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  const heard: Element[] = []
  const collect = async () => {
    for (const one of [romeo, juliet]) {
      await one.settles()
      heard.push(...one.heard)
      one.forget()
    }
  }
  await enters(romeo, 'Romeo')
  await configures(romeo, { 'muc#roomconfig_persistentroom': '1' })
  await enters(juliet, 'Juliet')
  await collect()
  const png = Buffer.from('\x89PNG\r\n\x1a\nrest', 'latin1').toString('base64')
  const photo = `<PHOTO><TYPE>image/png</TYPE><BINVAL>${png}</BINVAL></PHOTO>`
  expect((await romeo.asks('set', `<vCard xmlns='vcard-temp'>${photo}</vCard>`, ROOM)).attrs.type).toBe(
    'result',
  )
  await changes(romeo, `<item affiliation='admin' jid='juliet@bix.org'/>`)
  await configures(romeo, { 'muc#roomconfig_membersonly': '1', 'muc#roomconfig_whois': 'moderators' })
  await enters(juliet, 'Juliet')
  await collect()
  await changes(romeo, `<item nick='Juliet' role='none'/>`)
  await collect()
  await enters(juliet, 'Juliet')
  await romeo.asks('set', `<query xmlns='${OWNER}'><destroy/></query>`, ROOM)
  await collect()
  const presences = heard.filter(({ name }) => name === 'presence')
  expect(presences.length).toBeGreaterThan(10)
  expect(presences.filter(({ attrs }) => !attrs.from?.includes('/')).map(String)).toEqual([])
})

test('XEP-0045 §6.4: how many are in a room is told to who asks, and no address of its owners', async () => {
  using p = play()
  await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  const nurse = await p.online('nurse@bix.org/kitchen')
  const answer = await nurse.asks('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, ROOM)
  expect(answer.toString()).toMatch(/muc#roominfo_occupants"[^>]*><value>2</)
  expect(answer.toString()).not.toMatch(/contactjid|romeo@bix\.org/)
})

test('XEP-0045 §8.2 a kick is no memory: whoever is then made a member comes in with a voice', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await configures(romeo, { 'muc#roomconfig_moderatedroom': '1', 'muc#roomconfig_membersonly': '1' })
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`)
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await changes(romeo, `<item nick='Juliet' role='none'/>`)
  await changes(romeo, `<item affiliation='none' jid='juliet@bix.org'/>`)
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`)
  await hears(juliet)
  await enters(juliet, 'Juliet')
  expect(await hears(juliet)).toContain('Juliet member/participant 110 100')
})

test('XEP-0045 §9.2 a ban is lifted by the address or by the nick that was borne last, which is free meanwhile', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  // By the nick of who is there it works, as old clients write.
  expect((await changes(romeo, `<item affiliation='outcast' nick='Juliet'/>`)).attrs.type).toBe('result')
  const bans = await romeo.asks('get', `<query xmlns='${ADMIN}'><item affiliation='outcast'/></query>`, ROOM)
  expect(String(bans)).toContain('nick="Juliet"')
  // Somebody else comes under that nick: it means them then.
  const nurse = await inside(p, 'nurse@bix.org/kitchen', 'Juliet')
  await changes(romeo, `<item affiliation='member' nick='Juliet'/>`)
  expect(itemOf(romeo.heard.at(-1)!)?.attrs).toMatchObject({ affiliation: 'member' })
  nurse.sends(`<presence type='unavailable' to='${ROOM}/Juliet'/>`)
  await nurse.settles()
  // Who may not see the list learns nothing of it.
  for (const nick of ['Juliet', 'Nobody'])
    expect(conditionOf(await changes(nurse, `<item affiliation='none' nick='${nick}'/>`))).toBe(
      'item-not-found',
    )
  expect((await changes(romeo, `<item affiliation='none' nick='Juliet'/>`)).attrs.type).toBe('result')
  expect(conditionOf(await changes(romeo, `<item affiliation='none' nick='Juliet'/>`))).toBe('item-not-found')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Capulet')
  expect(itemOf(romeo.heard.at(-1)!)?.attrs.jid).toBe('juliet@bix.org/balcony')
  expect(child(juliet.heard[0] ?? romeo.heard[0]!, 'error')).toBeUndefined()
})

test('XEP-0045 §9.2 a nick that two outcasts bore names neither; a pardon with membership keeps no nick for them', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  for (const user of ['juliet', 'nurse']) {
    await inside(p, `${user}@bix.org/balcony`, 'Twin')
    await changes(romeo, `<item affiliation='outcast' jid='${user}@bix.org'/>`)
  }
  expect(conditionOf(await changes(romeo, `<item affiliation='none' nick='Twin'/>`))).toBe('item-not-found')
  await changes(romeo, `<item affiliation='member' jid='nurse@bix.org'/>`)
  expect((await changes(romeo, `<item affiliation='none' nick='Twin'/>`)).attrs.type).toBe('result')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Twin')
  expect(juliet.heard.map(short)).not.toContain('! conflict')
  expect(await hears(romeo)).not.toContain('! forbidden')
})
