/** The title of a push: whom the recipient knows by which name. */
import { describe, expect, test } from 'bun:test'
import type { Actor } from '../support/actor.ts'
import { doorOf } from '../support/door.ts'
import { phoneOf } from '../support/phone.ts'
import { cast, chat, FULL, PUSH, says } from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'

/** A picture of one dot. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const NICK = 'http://jabber.org/protocol/nick'
const publishes = (nick: string, access = '') =>
  `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='${NICK}'><item id='current'><nick xmlns='${NICK}'>${nick}</nick></item></publish>` +
  (access === ''
    ? ''
    : `<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field><field var='pubsub#access_model'><value>${access}</value></field></x></publish-options>`) +
  '</pubsub>'
const card = (inner: string) => `<vCard xmlns='vcard-temp'>${inner}</vCard>`

/** Juliet's own name for romeo. */
async function calls(p: Play, name: string): Promise<void> {
  const juliet = await p.online('juliet@bix.org/desk')
  await juliet.asks(
    'set',
    `<query xmlns='jabber:iq:roster'><item jid='romeo@bix.org' name='${name}'/></query>`,
  )
  juliet.sends('</stream:stream>')
}

/** Juliet sees romeo's presence. */
async function sees(p: Play, romeo: Actor): Promise<void> {
  const juliet = await p.online('juliet@bix.org/desk')
  juliet.sends(`<presence to='romeo@bix.org' type='subscribe'/>`)
  await juliet.settles()
  romeo.sends(`<presence to='juliet@bix.org' type='subscribed'/>`)
  await romeo.settles()
  juliet.sends('</stream:stream>')
}

describe('the language of a phone', () => {
  test('is that of its registration, and stays when another does not name it', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    const enable = (attrs: string, fields = '') =>
      `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${'1'.repeat(64)}'${attrs}><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>${fields}</x></enable>`
    let n = 0
    for (const [attrs, field, body] of [
      ['', `<field var='locale'><value>de-AT</value></field>`, 'Neue Nachricht'],
      ['', '', 'Neue Nachricht'],
      [` xml:lang='zh-CN'`, '', '新消息'],
      ['', `<field var='locale'><value>no language!</value></field>`, '新消息'],
    ] as const) {
      const app = await p.online('juliet@bix.org/phone')
      await app.asks('set', enable(attrs, field))
      app.sends('</stream:stream>')
      await says(romeo, chat('hist!', `m${++n}`))
      await phone.rings({ body })
    }
    const wish = { token: '1'.repeat(64), topic: 'org.bix.chat', locale: 'fr' }
    const { status } = await doorOf(p)('POST', '/v1/me/devices', wish, 'juliet@bix.org')
    expect(status).toBe(200)
    await says(romeo, chat('in French'))
    await phone.rings({ body: 'Nouveau message' })
  })

  test('an answer to the account’s own message, and the picture of who writes, are told to the app', async () => {
    using p = play({ toml: FULL })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    await romeo.asks(
      'set',
      card(`<FN>Romeo</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>${PNG}</BINVAL></PHOTO>`),
    )
    const reply = (to: string, id: string) =>
      `<message to='juliet@bix.org' type='chat' id='${id}'><body>yes</body><reply xmlns='urn:xmpp:reply:0' to='${to}' id='x'/></message>`
    const avatar: unknown = expect.stringMatching(/^[0-9a-f]{40}$/)
    await says(romeo, reply('juliet@bix.org/desk', 'r1'))
    await phone.rings({ data: { reply: true, avatar, name: 'Romeo', kind: 'body' } })
    await says(romeo, reply('juliet@bix.org.example', 'r2'))
    const [shown] = await phone.shows()
    expect(shown?.data).not.toHaveProperty('reply')
    await romeo.asks('set', card('<FN>Romeo</FN>'))
    await says(romeo, reply('juliet@bix.org', 'r3'))
    const [bare] = await phone.shows()
    expect(bare?.data).toMatchObject({ reply: true, name: 'Romeo' })
    expect(bare?.data).not.toHaveProperty('avatar')
  })

  test('a picture of a megabyte is named by its hash and costs a push nothing', async () => {
    using p = play({ toml: `${FULL}\n[limits]\nstanza_bytes = "4MB"\nvcard_bytes = "4MB"\nrates = false` })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    const picture = Buffer.concat([Buffer.from(PNG, 'base64'), Buffer.alloc(1 << 20, 7)])
    const photo = `<PHOTO><TYPE>image/png</TYPE><BINVAL>${picture.toString('base64')}</BINVAL></PHOTO>`
    expect((await romeo.asks('set', card(`<FN>Romeo</FN>${photo}`))).attrs.type).toBe('result')
    await says(romeo, chat('hist'))
    const avatar = new Bun.CryptoHasher('sha1').update(picture).digest('hex')
    const [shown] = await phone.shows()
    expect(shown).toMatchObject({ title: 'Romeo', body: 'hist', data: { avatar } })
    expect(JSON.stringify(shown).length).toBeLessThan(2_000)
  })

  test('what somebody does is said of the name', async () => {
    using p = play({ toml: FULL })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    await calls(p, 'My love')
    await says(romeo, chat('/me waits'))
    await phone.rings({ title: 'My love', body: 'My love waits' })
  })
})

describe('the title of a push', () => {
  const rows: readonly [what: string, title: string, f: (p: Play, romeo: Actor) => Promise<unknown>][] = [
    ['the local part, where nothing else is known', 'romeo', async () => {}],
    ['the vCard’s name', 'Romeo Montague', (_, romeo) => romeo.asks('set', card('<FN>Romeo Montague</FN>'))],
    [
      'its nickname, where it has no name',
      'Romy',
      (_, romeo) => romeo.asks('set', card('<NICKNAME>Romy</NICKNAME>')),
    ],
    [
      'the published nick, before the vCard’s',
      'Mr. R',
      async (_, romeo) => {
        await romeo.asks('set', card('<FN>Romeo Montague</FN>'))
        await romeo.asks('set', publishes('Mr. R', 'open'))
      },
    ],
    [
      'a nick for contacts, of a contact',
      'Mr. R',
      async (p, romeo) => {
        await romeo.asks('set', publishes('Mr. R', 'presence'))
        await sees(p, romeo)
      },
    ],
    [
      'not a nick for contacts, of a stranger',
      'romeo',
      (_, romeo) => romeo.asks('set', publishes('Mr. R', 'presence')),
    ],
    [
      'the recipient’s own name for a contact, before all of them',
      'My love',
      async (p, romeo) => {
        await romeo.asks('set', publishes('Mr. R', 'open'))
        await calls(p, 'My love')
      },
    ],
    [
      'not a name of blanks and marks',
      'Romeo',
      async (p, romeo) => {
        await romeo.asks('set', card('<FN>Romeo</FN>'))
        await romeo.asks('set', publishes('\u202e \u200b', 'open'))
        await calls(p, '\u2066 ')
      },
    ],
  ]
  for (const [what, title, f] of rows)
    test(what, async () => {
      using p = play({ toml: FULL })
      await using phone = await phoneOf(p)
      const { romeo } = await cast(p)
      await f(p, romeo)
      await says(romeo, chat('hist!'))
      await phone.rings({ title, body: 'hist!', from: 'romeo@bix.org' })
    })

  test('follows a change, and is nobody’s any more when it is taken back', async () => {
    using p = play({ toml: FULL })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    for (const name of ['One', 'Two']) {
      await romeo.asks('set', publishes(name, 'open'))
      await says(romeo, chat(name))
      await phone.rings({ title: name })
    }
    await romeo.asks(
      'set',
      `<pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='${NICK}' notify='true'><item id='current'/></retract></pubsub>`,
    )
    await says(romeo, chat('three'))
    await phone.rings({ title: 'romeo' })
    await romeo.asks('set', card('<FN>Romeo</FN>'))
    await says(romeo, chat('four'))
    await phone.rings({ title: 'Romeo' })
  })

  test('is the address where the app asks for that, and nothing where Apple must not see it', async () => {
    for (const [toml, title] of [
      [`${PUSH}\ntitle = "jid"`, 'romeo@bix.org'],
      [`${PUSH}\nbody = "none"`, undefined],
    ] as const) {
      using p = play({ toml })
      await using phone = await phoneOf(p)
      const { romeo } = await cast(p)
      await romeo.asks('set', publishes('Mr. R', 'open'))
      await says(romeo, chat('hist!'))
      await phone.rings({ title, subtitle: undefined })
    }
  })

  test('is not even written down where Apple must not see it', async () => {
    using p = play({ toml: `${PUSH}\nbody = "none"` })
    const { romeo } = await cast(p)
    await romeo.asks('set', publishes('Mr. R', 'open'))
    await says(romeo, chat('hist!'))
    expect(p.pushed).toMatchObject([{ title: null, nick: null, body: null }])
  })

  test('of a room is its name, and below it who speaks', async () => {
    using p = play({ toml: FULL })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    const room = 'garden@conference.bix.org'
    romeo.sends(`<presence to='${room}/Mr. R'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
    await romeo.settles()
    const owner = `http://jabber.org/protocol/muc#owner`
    const set = (name: string, value: string) => `<field var='${name}'><value>${value}</value></field>`
    await romeo.asks(
      'set',
      `<query xmlns='${owner}'><x xmlns='jabber:x:data' type='submit'>${set('FORM_TYPE', 'http://jabber.org/protocol/muc#roomconfig')}${set('muc#roomconfig_roomname', 'The Garden')}${set('muc#roomconfig_membersonly', '1')}</x></query>`,
      room,
    )
    await romeo.asks(
      'set',
      `<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member' jid='juliet@bix.org'/></query>`,
      room,
    )
    await phone.shows()
    await says(romeo, `<message to='${room}' type='groupchat' id='g1'><body>hist!</body></message>`)
    await phone.rings({
      title: 'The Garden',
      subtitle: 'Mr. R',
      body: 'hist!',
      from: room,
      data: { name: 'The Garden', 'recipient-count': 1 },
    })
    await says(
      romeo,
      `<message to='${room}' type='groupchat' id='g2'><body>juliet: wait</body><reference xmlns='urn:xmpp:reference:0' type='mention' uri='xmpp:juliet@bix.org'/></message>`,
    )
    await phone.rings({ data: { mention: true, 'recipient-count': 1 } })
  })
})
