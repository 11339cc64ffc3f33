/** The life that some people have led on another server before they move, told over the wire. */
import { childText, escapeXML } from '../../src/xmpp/xml.ts'
import { HOST, OldClient, type Person, ROOMS } from './old-client.ts'

/** Passwords that each form has to escape in its own way. */
export const PEOPLE = {
  romeo: { user: 'romeo', password: `it's "quoted" \\ & <b>` },
  juliet: { user: 'juliet', password: 'pâté 100% – 字字' },
  nurse: { user: 'nurse', password: '  two spaces ' },
  tybalt: { user: 'tybalt', password: 'plain' },
} as const satisfies Record<string, Person>

export const ROOM = `verona@${ROOMS}`
export const SAID = ['But, soft! 🌹', `"what" light & <such>`, "it's the east", 'C:\\yonder\\window']
export const WAITING = ['Good night, good night! 🌙', 'Parting is such sweet sorrow & <more>']
export const SPOKEN = ['Who calls so loud?', 'A plague o’ both your houses! 💀']
/** In the room, beside its owner. */
export const STANDINGS = [
  ['juliet', 'admin'],
  ['nurse', 'member'],
  ['tybalt', 'outcast'],
] as const
export const CONTACT = { name: `Juliet "J" & O'Capulet`, groups: ['Capulets', 'Friends & foes'] }
export const VCARD_NAME = 'Romeo Montague 🗡'
export const BLOCKED = `paris@${HOST}`
export const BOOKMARK = `mantua@${ROOMS}`
export const PUSH_SERVICE = 'push.example.com'

const jid = (name: keyof typeof PEOPLE): string => `${name}@${HOST}`

export async function live(port: number): Promise<void> {
  for (const person of Object.values(PEOPLE)) await OldClient.register(port, person)
  const enters = async (name: keyof typeof PEOPLE) => {
    const client = await OldClient.login(port, PEOPLE[name], 'PLAIN')
    // Prosody tells of subscriptions only those that have asked for their roster.
    await client.asks('get', "<query xmlns='jabber:iq:roster'/>")
    client.sends('<presence/>')
    return client
  }
  const romeo = await enters('romeo')
  const juliet = await enters('juliet')
  const tybalt = await enters('tybalt')
  await contacts(romeo, juliet, tybalt)
  await belongings(romeo)
  await room(romeo, juliet)
  await talk(romeo, juliet)
  await romeo.leaves()
  await tybalt.leaves()
}

async function contacts(romeo: OldClient, juliet: OldClient, tybalt: OldClient): Promise<void> {
  const groups = CONTACT.groups.map((group) => `<group>${escapeXML(group)}</group>`).join('')
  const item = `<item jid='${jid('juliet')}' name='${escapeXML(CONTACT.name)}'>${groups}</item>`
  await romeo.asks('set', `<query xmlns='jabber:iq:roster'>${item}</query>`)
  const asks = async (from: OldClient, to: OldClient, fromJid: string, toJid: string) => {
    from.sends(`<presence to='${toJid}' type='subscribe'/>`)
    await to.until(({ attrs }) => attrs.type === 'subscribe' && attrs.from === fromJid)
    to.sends(`<presence to='${fromJid}' type='subscribed'/>`)
    await from.until(({ attrs }) => attrs.type === 'subscribed' && attrs.from === toJid)
  }
  await asks(romeo, juliet, jid('romeo'), jid('juliet'))
  await asks(juliet, romeo, jid('juliet'), jid('romeo'))
  // Asked, and never answered.
  tybalt.sends(`<presence to='${jid('juliet')}' type='subscribe'/>`)
  await juliet.until(({ attrs }) => attrs.type === 'subscribe' && attrs.from === jid('tybalt'))
  romeo.sends(`<presence to='${jid('nurse')}' type='subscribe'/>`)
}

async function belongings(romeo: OldClient): Promise<void> {
  await romeo.asks('set', `<vCard xmlns='vcard-temp'><FN>${VCARD_NAME}</FN></vCard>`)
  const bookmark = `<conference jid='${BOOKMARK}' name='Mantua' autojoin='1'><nick>Ro</nick></conference>`
  const storage = `<storage xmlns='storage:bookmarks'>${bookmark}</storage>`
  await romeo.asks('set', `<query xmlns='jabber:iq:private'>${storage}</query>`)
  await romeo.asks('set', `<block xmlns='urn:xmpp:blocking'><item jid='${BLOCKED}'/></block>`)
  await romeo.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='${PUSH_SERVICE}' node='a-node'/>`)
}

async function room(romeo: OldClient, juliet: OldClient): Promise<void> {
  const joins = async (client: OldClient, nick: string) => {
    client.sends(`<presence to='${ROOM}/${nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
    await client.until(({ name, attrs }) => name === 'presence' && attrs.from === `${ROOM}/${nick}`)
  }
  await joins(romeo, 'Ro')
  const field = (name: string, value: string) =>
    `<field var='muc#roomconfig_${name}'><value>${escapeXML(value)}</value></field>`
  const form = [
    `<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>`,
    field('persistentroom', '1'),
    field('membersonly', '1'),
    field('roomname', 'Fair Verona & 字'),
  ]
  const x = `<x xmlns='jabber:x:data' type='submit'>${form.join('')}</x>`
  await romeo.asks('set', `<query xmlns='http://jabber.org/protocol/muc#owner'>${x}</query>`, ROOM)
  for (const [name, affiliation] of STANDINGS) {
    const item = `<item jid='${jid(name)}' affiliation='${affiliation}'/>`
    await romeo.asks('set', `<query xmlns='http://jabber.org/protocol/muc#admin'>${item}</query>`, ROOM)
  }
  await joins(juliet, 'Jule')
  for (const body of SPOKEN) {
    romeo.sends(`<message to='${ROOM}' type='groupchat'><body>${escapeXML(body)}</body></message>`)
    await hears(juliet, body)
  }
  romeo.sends(`<message to='${ROOM}' type='groupchat'><subject>Feud &amp; love</subject></message>`)
  await juliet.until((el) => childText(el, 'subject') === 'Feud & love')
}

async function talk(romeo: OldClient, juliet: OldClient): Promise<void> {
  for (const body of SAID) {
    romeo.sends(`<message to='${jid('juliet')}' type='chat'><body>${escapeXML(body)}</body></message>`)
    await hears(juliet, body)
  }
  await juliet.leaves()
  await romeo.until(({ attrs }) => attrs.type === 'unavailable' && attrs.from === `${jid('juliet')}/old`)
  for (const body of WAITING)
    romeo.sends(`<message to='${jid('juliet')}' type='chat'><body>${escapeXML(body)}</body></message>`)
  await romeo.asks('get', "<ping xmlns='urn:xmpp:ping'/>", HOST)
}

async function hears(client: OldClient, body: string): Promise<void> {
  await client.until((el) => childText(el, 'body') === body)
}
