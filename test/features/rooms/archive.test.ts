/** A room's archive and what is taken back in it: XEP-0313, XEP-0424, XEP-0425. */
import { expect, test } from 'bun:test'
import { child, childText, type Element } from '../../../src/xmpp/xml.ts'
import type { Actor } from '../../support/actor.ts'
import {
  changes,
  conditionOf,
  configures,
  enters,
  hears,
  inside,
  MUC_USER,
  ROOM,
  says,
} from '../../support/rooms.ts'
import { play } from '../../support/world.ts'

const MAM = 'urn:xmpp:mam:2'
const RETRACT = 'urn:xmpp:message-retract:1'
const MODERATE = 'urn:xmpp:message-moderate:1'

const search = (fields: Record<string, string>) =>
  `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${MAM}</value></field>` +
  Object.entries(fields)
    .map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`)
    .join('') +
  '</x>'

/** The messages of an answer, each with its id in the archive. */
async function reads(actor: Actor, inner = ''): Promise<{ id: string; message: Element }[]> {
  actor.forget()
  const answer = await actor.asks('set', `<query xmlns='${MAM}'>${inner}</query>`, ROOM)
  expect(answer.attrs.type).toBe('result')
  return actor.heard.flatMap((el) => {
    const result = child(el, 'result', MAM)
    const forwarded = result && child(result, 'forwarded', 'urn:xmpp:forward:0')
    const message = forwarded && child(forwarded, 'message', 'jabber:client')
    return message ? [{ id: result.attrs.id ?? '', message }] : []
  })
}

test('what was said is there in its order, by nick and time, with the ids that it had live', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  says(romeo, 'one')
  says(juliet, 'two')
  await juliet.settles()
  const live = juliet.heard.map((el) => child(el, 'stanza-id', 'urn:xmpp:sid:0')?.attrs.id ?? '')
  const all = await reads(juliet)
  expect(all.map(({ message }) => childText(message, 'body'))).toEqual(['one', 'two'])
  expect(all.map(({ id }) => id)).toEqual(live)
  expect((await reads(juliet, search({ with: `${ROOM}/Juliet` }))).map(({ id }) => id)).toEqual([live[1]!])
  expect(
    (await reads(juliet, `<set xmlns='http://jabber.org/protocol/rsm'><max>1</max><before/></set>`)).map(
      ({ id }) => id,
    ),
  ).toEqual([live[1]!])
  expect(
    (await reads(juliet, `<set xmlns='http://jabber.org/protocol/rsm'><after>${live[0]}</after></set>`)).map(
      ({ id }) => id,
    ),
  ).toEqual([live[1]!])
  const wrong = await juliet.asks(
    'set',
    `<query xmlns='${MAM}'>${search({ with: 'romeo@bix.org' })}</query>`,
    ROOM,
  )
  expect(conditionOf(wrong)).toBe('item-not-found')
  // Nobody's real address is in it.
  expect(all.map(({ message }) => message.toString()).join('')).not.toMatch(/orchard|balcony/)
})

test('who may not come in may not read: outcasts, strangers of a members-only room; a public log is for all', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await p.online('juliet@bix.org/balcony')
  says(romeo, 'one')
  await romeo.settles()
  const asks = async () => conditionOf(await juliet.asks('set', `<query xmlns='${MAM}'/>`, ROOM))
  expect(await asks()).toBeUndefined()
  await configures(romeo, { 'muc#roomconfig_membersonly': '1' })
  expect(await asks()).toBe('forbidden')
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`)
  expect(await asks()).toBeUndefined()
  await changes(romeo, `<item affiliation='outcast' jid='juliet@bix.org'/>`)
  expect(await asks()).toBe('forbidden')
})

for (const [version, request] of [
  [
    '1',
    (id: string) =>
      `<moderate xmlns='${MODERATE}' id='${id}'><retract xmlns='${RETRACT}'/><reason>rude</reason></moderate>`,
  ],
  [
    '0',
    (id: string) =>
      `<apply-to xmlns='urn:xmpp:fasten:0' id='${id}'><moderate xmlns='urn:xmpp:message-moderate:0'>` +
      `<retract xmlns='urn:xmpp:message-retract:0'/><reason>rude</reason></moderate></apply-to>`,
  ],
] as const)
  test(`XEP-0425 version ${version}: a moderator takes a message back; all hear both forms, the archive has a tombstone`, async () => {
    using p = play()
    const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
    const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
    says(juliet, 'rude words')
    await juliet.settles()
    const id = child(juliet.heard[0]!, 'stanza-id', 'urn:xmpp:sid:0')?.attrs.id ?? ''
    juliet.forget()
    expect(conditionOf(await juliet.asks('set', request(id), ROOM))).toBe('forbidden')
    expect(conditionOf(await romeo.asks('set', request('1'), ROOM))).toBe('item-not-found')
    expect((await romeo.asks('set', request(id), ROOM)).attrs.type).toBe('result')
    await juliet.settles()
    const [told] = juliet.heard
    expect(told?.attrs.from).toBe(ROOM)
    const retract = child(told!, 'retract', RETRACT)!
    expect([retract.attrs.id, childText(retract, 'reason')]).toEqual([id, 'rude'])
    expect(child(retract, 'moderated', MODERATE)?.attrs.by).toBe(`${ROOM}/Romeo`)
    expect(child(told!, 'apply-to', 'urn:xmpp:fasten:0')?.attrs.id).toBe(id)
    const [grave, retraction] = await reads(juliet)
    const retracted = child(grave!.message, 'retracted', RETRACT)!
    expect([grave?.id, retracted.attrs.id]).toEqual([id, retraction!.id])
    expect(grave?.message.attrs.from).toBe(`${ROOM}/Juliet`)
    expect(grave?.message.toString()).not.toContain('<body>')
    const nurse = await p.online('nurse@bix.org/kitchen')
    await enters(nurse, 'Nurse')
    expect((await hears(nurse)).join(' ')).not.toContain('<body>')
  })

test('XEP-0424 who wrote a message takes it back under any nick; nobody takes back another’s', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  says(juliet, 'oops')
  await romeo.settles()
  const id = child(romeo.heard.at(-1)!, 'stanza-id', 'urn:xmpp:sid:0')?.attrs.id ?? ''
  const takes = (actor: Actor) =>
    actor.sends(`<message to='${ROOM}' type='groupchat'><retract xmlns='${RETRACT}' id='${id}'/></message>`)
  romeo.forget()
  takes(romeo)
  expect(await hears(romeo)).toEqual(['! forbidden'])
  juliet.sends(`<presence to='${ROOM}/Capulet'/>`)
  takes(juliet)
  expect((await reads(romeo)).map(({ message }) => message.toString()).join('')).not.toContain('<body>')
})

test('forged: no client’s stanza-id, occupant-id, moderation or <x/> of the room goes through it', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  romeo.forget()
  juliet.sends(
    `<message to='${ROOM}' type='groupchat' id='m'><body>hark</body>` +
      `<stanza-id xmlns='urn:xmpp:sid:0' id='forged' by='${ROOM}'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>` +
      `<occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/><x xmlns='${MUC_USER}'><status code='104'/></x>` +
      `<hats xmlns='urn:xmpp:hats:0'><hat title='forged'/></hats><moderated xmlns='${MODERATE}' by='forged'/>` +
      `<delay xmlns='urn:xmpp:delay' from='${ROOM}' stamp='2000-01-01T00:00:00Z'/></message>`,
  )
  await romeo.settles()
  const [el] = romeo.heard
  expect(el?.toString()).not.toMatch(/forged|104|2000-01-01/)
  const kinds = el?.children.map((node) => (typeof node === 'string' ? node : node.name))
  expect(kinds).toEqual(['body', 'occupant-id', 'stanza-id'])
})
