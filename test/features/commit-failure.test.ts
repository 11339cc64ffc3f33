/** A disk that fails at COMMIT, or is full: whoever wrote is told to wait, and memory is what a restart would know. */
import { describe, expect, test } from 'bun:test'
import { PASSWORD } from '../support/actor.ts'
import { commandOf, commandText, type Fields } from '../support/commands.ts'
import { begin, iq, known, refused, romeoOf, row, rows, sessions } from '../support/failing.ts'
import { BASE, play, type Play } from '../support/world.ts'

const TOKEN = 'ab'.repeat(32)

/** What romeo says, and how one sees that it has been done. */
const WRITES: [what: string, xml: string, done: (p: Play) => unknown][] = [
  [
    'a message',
    `<message to='juliet@bix.org' type='chat'><body>hist!</body><origin-id xmlns='urn:xmpp:sid:0' id='o'/></message>`,
    (p) => p.store.messages.totalOffline() === 1,
  ],
  [
    'a mark that rides along',
    `<message to='juliet@bix.org' type='chat'><body>x</body><displayed xmlns='urn:xmpp:mds:displayed:0'/></message>`,
    (p) => p.store.pep.last(romeoOf(p), 'urn:xmpp:mds:displayed:0') !== undefined,
  ],
  [
    'a roster item',
    iq(`<query xmlns='jabber:iq:roster'><item jid='nurse@bix.org'/></query>`),
    (p) => row(p) !== undefined,
  ],
  [
    'a removed roster item',
    iq(`<query xmlns='jabber:iq:roster'><item jid='known@bix.org' subscription='remove'/></query>`),
    (p) => row(p, 'known@bix.org') === undefined,
  ],
  [
    'a subscription',
    `<presence type='subscribe' to='juliet@bix.org'/>`,
    (p) => row(p, 'juliet@bix.org')?.ask,
  ],
  [
    'a vCard',
    iq(`<vCard xmlns='vcard-temp'><FN>Romeo</FN></vCard>`),
    (p) => p.store.accounts.vcard(romeoOf(p)) !== undefined,
  ],
  [
    'a vCard with a picture',
    iq(`<vCard xmlns='vcard-temp'><PHOTO><BINVAL>iVBORw0KGgo=</BINVAL></PHOTO></vCard>`),
    (p) => p.store.pep.last(romeoOf(p), 'urn:xmpp:avatar:metadata') !== undefined,
  ],
  [
    'a device',
    iq(`<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${TOKEN}'/>`),
    (p) => p.store.push.devices.of(romeoOf(p).id).length === 2,
  ],
  [
    'a device of an old app',
    iq(`<push xmlns='p1:push'><notification><type>applepush</type><id>${TOKEN}</id></notification></push>`),
    (p) => p.store.push.devices.of(romeoOf(p).id).length === 2,
  ],
  [
    'a device by command',
    `<iq type='set' id='w' to='bix.org'>${commandText('register-push-apns', {}, { token: TOKEN })}</iq>`,
    (p) => p.store.push.devices.of(romeoOf(p).id).length === 2,
  ],
  [
    'a device that goes',
    iq(`<disable xmlns='urn:xmpp:push:0' jid='bix.org'/>`),
    (p) => p.store.push.devices.of(romeoOf(p).id).length === 0,
  ],
  ...[
    ['private data', `<query xmlns='jabber:iq:private'><x xmlns='u:x'>y</x></query>`],
    [
      'bookmarks of an old client',
      `<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference jid='a@b.c'/></storage></query>`,
    ],
    ['a block', `<block xmlns='urn:xmpp:blocking'><item jid='tybalt@bix.org'/></block>`],
    ['archive preferences', `<prefs xmlns='urn:xmpp:mam:2' default='never'><always/><never/></prefs>`],
    [
      'a published item',
      `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='u:n'><item id='1'><x xmlns='u:x'/></item></publish></pubsub>`,
    ],
  ].map(([what = '', payload = '']): [string, string, (p: Play) => unknown] => [
    what,
    iq(payload),
    () => true,
  ]),
  [
    'an invitation',
    `<iq type='set' id='w' to='bix.org'><command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:invite#invite'/></iq>`,
    (p) => p.store.invites.count() === 1,
  ],
  [
    'a new password',
    iq(`<query xmlns='jabber:iq:register'><username>romeo</username><password>new one</password></query>`),
    () => true,
  ],
]

const ADMIN_WRITES: [name: string, fields: Fields, done: (p: Play) => boolean][] = [
  [
    'add-user',
    { accountjid: 'balthasar@bix.org', password: 'a good password' },
    (p) => p.store.accounts.find('balthasar@bix.org') !== undefined,
  ],
  [
    'delete-user',
    { accountjids: 'juliet@bix.org' },
    (p) => p.store.accounts.find('juliet@bix.org') === undefined,
  ],
  [
    'disable-user',
    { accountjids: 'juliet@bix.org' },
    (p) => p.store.accounts.find('juliet@bix.org')?.disabled === true,
  ],
]

describe('a COMMIT that fails', () => {
  for (const [what, xml, done] of WRITES)
    test(`${what}: the sender is told to wait, nothing is changed, and it works once the disk does`, async () => {
      using p = play()
      const romeo = await begin(p)
      const before = known(p)
      const there = sessions(p)
      const stored = rows(p)
      const mend = p.commitsFail()
      romeo.sends(xml)
      await refused(romeo)
      await romeo.hearsNothing()
      expect(p.store.turn.failure).toBeDefined()
      expect(known(p)).toEqual(before)
      expect(known(p)).toEqual(known(p, p.reloaded()))
      expect(sessions(p)).toEqual(there)
      expect(rows(p)).toEqual(stored)
      expect(p.pushed).toEqual([])
      mend()
      romeo.sends(xml)
      // A new password takes a while.
      if (xml.startsWith('<iq')) expect((await romeo.answer('w')).attrs.type).toBe('result')
      await romeo.settles()
      expect(romeo.heard.filter((el) => el.attrs.type === 'error')).toEqual([])
      expect(done(p)).toBeTruthy()
      expect(p.store.turn.failure).toBeUndefined()
      expect(known(p)).toEqual(known(p, p.reloaded()))
      expect(p.fatal).toEqual([])
    })

  for (const [name, fields, done] of ADMIN_WRITES)
    test(`the command ${name}: nothing has changed, and its form waits to be sent again`, async () => {
      using p = play({ config: `admins = ["nurse@bix.org"]\n${BASE}` })
      const nurse = await p.online('nurse@bix.org/hall')
      await p.account('juliet@bix.org')
      const node = `http://jabber.org/protocol/admin#${name}`
      const { sessionid = '' } = commandOf(await nurse.asks('set', commandText(node), 'bix.org')).attrs
      const before = known(p)
      const mend = p.commitsFail()
      const form = commandText(node, { sessionid }, fields)
      await nurse.isRefused('resource-constraint', 'set', form, 'bix.org')
      expect(known(p)).toEqual(before)
      mend()
      expect(commandOf(await nurse.asks('set', form, 'bix.org')).attrs.status).toBe('completed')
      expect(done(p)).toBe(true)
      expect(known(p)).toEqual(known(p, p.reloaded()))
    })

  test('a registration that fails does not use up the address’s turn', async () => {
    using p = play({
      toml: '[registration]\nin_band = true\nip_access = ["192.0.2.0/24"]\n[limits]\nrates = true\n',
    })
    const guest = p.connect()
    await guest.opens()
    const mend = p.commitsFail()
    const wish = iq(
      `<query xmlns='jabber:iq:register'><username>balthasar</username><password>long enough</password></query>`,
    )
    guest.sends(wish)
    await refused(guest)
    expect(p.world.registrations.waitFor('192.0.2.1')).toBe(0)
    expect(p.store.accounts.find('balthasar@bix.org')).toBeUndefined()
    mend()
    guest.sends(wish)
    expect((await guest.answer('w')).attrs.type).toBe('result')
    expect(known(p)).toEqual(known(p, p.reloaded()))
  })
})

test('a full disk (PRAGMA max_page_count): messages are refused, reading goes on, and room mends it', async () => {
  using p = play()
  const romeo = await begin(p)
  const { raw } = p.store.db
  p.store.turn.end()
  const pages = raw.query<{ page_count: number }, []>('PRAGMA page_count').get()?.page_count ?? 0
  raw.run(`PRAGMA max_page_count = ${pages}`)
  const before = known(p)
  const large = `<message to='juliet@bix.org' type='chat'><body>${'x'.repeat(100_000)}</body></message>`
  romeo.sends(large + `<presence><priority>3</priority></presence>` + large)
  const heard = [await romeo.next(), await romeo.next(), await romeo.next()].map((el) => el.attrs.type)
  expect(heard).toContain('error')
  await romeo.settles()
  romeo.forget()
  expect(known(p)).toEqual(before)
  expect(known(p)).toEqual(known(p, p.reloaded()))
  const roster = await romeo.asks('get', `<query xmlns='jabber:iq:roster'/>`)
  expect(roster.attrs.type).toBe('result')
  raw.run('PRAGMA max_page_count = 1000000')
  romeo.sends(large)
  await romeo.hearsNothing()
  expect(p.store.messages.totalOffline()).toBe(1)
  expect(p.pushed).toEqual([])
  expect(p.fatal).toEqual([])
})

test('XEP-0484: a login that finds the disk full is told to wait, and comes in once there is room', async () => {
  using p = play()
  await p.account('juliet@bix.org')
  const { raw } = p.store.db
  p.store.turn.end()
  raw.run(`CREATE TEMP TRIGGER much AFTER INSERT ON clients BEGIN
    INSERT INTO settings (name, value) VALUES ('much', zeroblob(1000000)); END`)
  const pages = raw.query<{ page_count: number }, []>('PRAGMA page_count').get()?.page_count ?? 0
  raw.run(`PRAGMA max_page_count = ${pages + 10}`)
  const plain = Buffer.from(`\0juliet\0${PASSWORD}`).toString('base64')
  const login =
    `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>${plain}</initial-response>` +
    `<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/><bind xmlns='urn:xmpp:bind:0'/>` +
    `<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/></authenticate>`
  const comes = async () => {
    const actor = p.connect()
    await actor.opens()
    actor.sends(login)
    return actor.next()
  }
  expect((await comes()).toString()).toContain('resource-constraint')
  expect([...p.world.sessions.of('juliet@bix.org')]).toEqual([])
  raw.run('PRAGMA max_page_count = 1000000')
  expect((await comes()).name).toBe('success')
  expect(p.fatal).toEqual([])
})
