/** A disk that fails at COMMIT, or is full: whoever wrote is told to wait, and memory is what a restart would know. */
import { describe, expect, test } from 'bun:test'
import { child } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { commandOf, commandText, type Fields } from '../support/commands.ts'
import { BASE, play } from '../support/world.ts'

type P = ReturnType<typeof play>
const TOKEN = 'ab'.repeat(32)

/** Everything that memory and a fresh load must agree on. */
function known(p: P, store = p.store): unknown {
  return ['romeo@bix.org', 'juliet@bix.org', 'balthasar@bix.org'].map((jid) => {
    const account = store.accounts.find(jid)
    if (!account) return jid
    return {
      account,
      vcard: store.accounts.vcard(account),
      keys: store.accounts.scramKeys(account, 'SHA-256')?.salt.toString('hex'),
      contacts: store.contacts.all(account),
      devices: store.push.devices.of(account.id),
      offline: store.messages.offlineSize(account),
    }
  })
}

/** Rows by table. */
function rows(p: P): Record<string, number | undefined> {
  const { raw } = p.store.db
  const tables = raw.query<{ name: string }, []>(
    `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('whole', 'broken')`,
  )
  const count = (table: string) => raw.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n
  return Object.fromEntries(tables.all().map(({ name }) => [name, count(name)]))
}

function sessions(p: P): unknown {
  return [...p.world.sessions.all()].map((session) => ({
    jid: session.jid.toString(),
    presence: session.presence?.toString(),
    priority: session.priority,
    interested: session.interested,
    catchingUp: session.catchingUp,
  }))
}

async function refused(actor: Actor): Promise<void> {
  const error = child(await actor.hearsError('resource-constraint'), 'error')
  expect(error?.attrs.type).toBe('wait')
}

const iq = (payload: string) => `<iq type='set' id='w'>${payload}</iq>`

/** What romeo says, and how one sees that it has been done. */
const WRITES: [what: string, xml: string, done: (p: P) => unknown][] = [
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
  ].map(([what = '', payload = '']): [string, string, (p: P) => unknown] => [what, iq(payload), () => true]),
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

const ADMIN_WRITES: [name: string, fields: Fields, done: (p: P) => boolean][] = [
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

function romeoOf(p: P) {
  const account = p.store.accounts.find('romeo@bix.org')
  if (!account) throw new Error('no romeo')
  return account
}

function row(p: P, jid = 'nurse@bix.org') {
  return p.store.contacts.find(romeoOf(p), jid)
}

async function begin(p: P): Promise<Actor> {
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  await romeo.asks('set', `<query xmlns='jabber:iq:roster'><item jid='known@bix.org'/></query>`)
  await romeo.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='bix.org' node='${'cd'.repeat(32)}'/>`)
  romeo.forget()
  return romeo
}

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

  test('presence that shares the turn is as it was, also for whom it was directed to', async () => {
    using p = play()
    const romeo = await begin(p)
    const nurse = await p.online('nurse@bix.org/hall')
    const mend = p.commitsFail()
    const there = sessions(p)
    romeo.sends(
      `<presence><priority>7</priority></presence><presence to='nurse@bix.org'/>` +
        `<message to='juliet@bix.org' type='chat'><body>x</body></message>`,
    )
    for (let i = 0; i < 3; i++) await refused(romeo)
    expect(sessions(p)).toEqual(there)
    await nurse.hearsNothing()
    // Nobody was told of a beginning, so nobody is told of an end.
    mend()
    romeo.sends('</stream:stream>')
    await nurse.hearsNothing()
  })

  /** Requests that write nothing themselves, and how one sees afterwards that they have not been heard. */
  const SHARED: [what: string, xml: string, heard: (p: P, romeo: Actor) => Promise<boolean>][] = [
    [
      'carbons',
      `<iq type='set' id='s'><enable xmlns='urn:xmpp:carbons:2'/></iq>`,
      async (p, romeo) => {
        const desk = await p.online('romeo@bix.org/desk')
        desk.sends(`<message to='juliet@bix.org' type='chat'><body>x</body></message>`)
        await desk.settles()
        await romeo.settles()
        return romeo.heard.some((el) => child(el, 'sent', 'urn:xmpp:carbons:2'))
      },
    ],
    [
      'the block list',
      `<iq type='get' id='s'><blocklist xmlns='urn:xmpp:blocking'/></iq>`,
      async (p, romeo) => {
        const desk = await p.online('romeo@bix.org/desk')
        await desk.asks('set', `<block xmlns='urn:xmpp:blocking'><item jid='a@b.example'/></block>`)
        await romeo.settles()
        return romeo.heard.some((el) => child(el, 'block', 'urn:xmpp:blocking'))
      },
    ],
    [
      'capabilities',
      `<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/></presence>`,
      async (_, romeo) => {
        // Had they been heard, the same presence would say nothing new.
        romeo.sends(
          `<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/></presence>`,
        )
        await romeo.settles()
        return !romeo.heard.some((el) => child(el, 'query', 'http://jabber.org/protocol/disco#info'))
      },
    ],
    [
      'preferences of the archive',
      `<iq type='set' id='s'><prefs xmlns='urn:xmpp:mam:2' default='never'><always/><never/></prefs></iq>`,
      async (_, romeo) =>
        (await romeo.asks('get', `<prefs xmlns='urn:xmpp:mam:2'/>`)).toString().includes('default="never"'),
    ],
    [
      'the last status',
      `<presence type='unavailable'><status>gone</status></presence>`,
      async (p, romeo) => {
        romeo.transport.destroy()
        for (let i = 0; i < 3; i++) await p.router.run(() => {})
        return p.store.accounts.find('romeo@bix.org')?.lastStatus === 'gone'
      },
    ],
  ]
  for (const [what, xml, heard] of SHARED)
    test(`${what} that share the turn are as they were`, async () => {
      using p = play()
      const romeo = await begin(p)
      const mend = p.commitsFail()
      romeo.sends(`${xml}<message to='juliet@bix.org' type='chat'><body>x</body></message>`)
      for (let i = 0; i < 2; i++) await refused(romeo)
      mend()
      expect(await heard(p, romeo)).toBe(false)
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

  test('presence alone writes nothing and does not notice', async () => {
    using p = play()
    const romeo = await begin(p)
    const mend = p.commitsFail()
    romeo.sends('<presence><priority>7</priority></presence>')
    await romeo.receives(`<presence from='${romeo.jid}' to='${romeo.jid}'><priority>7</priority></presence>`)
    await romeo.hearsNothing()
    mend()
  })

  test('initial presence that shares the turn can be said again, with all that it brings', async () => {
    using p = play()
    const nurse = await p.online('nurse@bix.org/hall')
    await p.account('juliet@bix.org')
    nurse.sends(`<message to='juliet@bix.org' type='chat'><body>waits</body></message>`)
    await nurse.settles()
    const juliet = await p.bound('juliet@bix.org/balcony')
    const mend = p.commitsFail()
    const set = iq(`<query xmlns='jabber:iq:roster'><item jid='a@bix.org'/></query>`)
    const both = `<presence/><iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>${set}`
    juliet.sends(both)
    for (let i = 0; i < 3; i++) await refused(juliet)
    expect(sessions(p)).toContainEqual({
      jid: juliet.jid,
      presence: undefined,
      priority: 0,
      interested: false,
      catchingUp: false,
    })
    mend()
    juliet.sends(both)
    await juliet.settles()
    await juliet.settles()
    expect(juliet.heard.filter(({ name }) => name === 'message')).toHaveLength(1)
    expect(p.store.messages.totalOffline()).toBe(0)
  })

  test('a session that is bound meanwhile is reachable', async () => {
    using p = play()
    const romeo = await begin(p)
    const juliet = p.connect()
    await juliet.opens()
    await juliet.authenticates('juliet')
    await juliet.opens()
    const mend = p.commitsFail()
    juliet.sends(
      `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>x</resource></bind></iq>`,
    )
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>x</body></message>`)
    await refused(romeo)
    expect((await juliet.answer('b')).attrs.type).toBe('result')
    mend()
    romeo.sends(`<message to='juliet@bix.org/x' type='chat'><body>y</body></message>`)
    expect((await juliet.next()).name).toBe('message')
  })

  test('a session that ends meanwhile is gone, and contacts hear of it', async () => {
    using p = play()
    const romeo = await begin(p)
    const juliet = await p.online('juliet@bix.org/balcony')
    juliet.sends(`<presence type='subscribed' to='romeo@bix.org'/>`)
    await juliet.settles()
    romeo.sends(`<presence type='subscribe' to='juliet@bix.org'/>`)
    await romeo.settles()
    romeo.forget()
    const mend = p.commitsFail()
    romeo.sends(
      `<message to='nurse@bix.org' type='chat'/><message to='juliet@bix.org' type='chat'><body>x</body></message>`,
    )
    juliet.transport.destroy()
    await romeo.settles()
    await romeo.settles()
    expect(p.world.sessions.countOf('juliet@bix.org')).toBe(0)
    expect(romeo.heard.map((el) => `${el.name} ${el.attrs.type} ${el.attrs.from}`)).toContain(
      'presence unavailable juliet@bix.org/balcony',
    )
    mend()
  })

  test('an account whose removal fails is still there, with its streams', async () => {
    using p = play()
    const romeo = await begin(p)
    const before = known(p)
    const mend = p.commitsFail()
    romeo.sends(iq(`<query xmlns='jabber:iq:register'><remove/></query>`))
    await refused(romeo)
    await romeo.hearsNothing()
    expect(known(p)).toEqual(before)
    mend()
    romeo.sends(iq(`<query xmlns='jabber:iq:register'><remove/></query>`))
    await romeo.cutOffAmong('not-authorized')
    expect(p.store.accounts.find('romeo@bix.org')).toBeUndefined()
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
