import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'bun:test'
import { Jid } from '../../src/xmpp/jid.ts'
import { Stanza } from '../../src/xmpp/stanza.ts'
import { xml } from '../../src/xmpp/xml.ts'
import { play } from '../support/world.ts'

const message = (to: string, id: string, body = 'hist!') =>
  `<message to='${to}' type='chat'><body>${body}</body><origin-id xmlns='urn:xmpp:sid:0' id='${id}'/></message>`

const rows = (p: ReturnType<typeof play>, table: 'archive' | 'offline' | 'outbox') =>
  p.store.db.raw.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n

test('XEP-0359 §3.2: a message sent twice is taken once', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  romeo.sends(message('juliet@bix.org', 'a') + message('juliet@bix.org', 'a'))
  await romeo.hearsNothing()
  await juliet.next()
  await juliet.hearsNothing()
  expect(rows(p, 'archive')).toBe(2)
})

test('XEP-0359 §2.2: an origin-id arrives and is archived as it was said', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  const id = `<origin-id xmlns="urn:xmpp:sid:0" id="de305d54 &lt;x&gt;"/>`
  romeo.sends(`<message to='juliet@bix.org' type='chat'><body>x</body>${id}</message>`)
  expect((await juliet.next()).toString()).toContain(id)
  for (const actor of [romeo, juliet]) {
    await actor.asks('set', `<query xmlns='urn:xmpp:mam:2'/>`)
    expect(actor.heard.map(String).join('')).toContain(id)
  }
})

test('XEP-0359 §5: an id that only the sender’s own account gives reaches nobody, its other clients and archive included', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const other = await p.online('romeo@bix.org/home')
  const juliet = await p.online('juliet@bix.org/balcony')
  await other.asks('set', `<enable xmlns='urn:xmpp:carbons:2'/>`)
  const id = (by: string) => `<stanza-id xmlns='urn:xmpp:sid:0' id='of ${by}' by='${by}'/>`
  const ids = ['romeo@bix.org', 'ROMEO@bix.org/orchard', 'room@conference.example'].map(id).join('')
  romeo.sends(`<message to='juliet@bix.org' type='chat'><body>hist!</body>${ids}</message>`)
  const kept = p.store.db.raw.query<{ xml: string }, []>('SELECT xml FROM archive ORDER BY id').all()
  for (const text of [(await juliet.next()).toString(), (await other.next()).toString(), kept[0]?.xml]) {
    expect(text).toContain('<body>hist!</body>')
    expect(text?.match(/id="of [^"]*"/g)).toEqual(['id="of room@conference.example"'])
  }
})

test('to somebody away it is stored once and rings once', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.bound('juliet@bix.org/phone')
  await juliet.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${'ab'.repeat(32)}'/>`)
  juliet.sends('</stream:stream>')
  for (let i = 0; i < 3; i++) romeo.sends(message('juliet@bix.org', 'a'))
  await romeo.hearsNothing()
  expect([rows(p, 'offline'), rows(p, 'outbox'), p.pushed.length]).toEqual([1, 1, 1])
})

test('another sender, another recipient and another id are other messages', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const nurse = await p.online('nurse@bix.org/hall')
  const juliet = await p.online('juliet@bix.org/balcony')
  romeo.sends(message('juliet@bix.org', 'a'))
  await romeo.settles()
  nurse.sends(message('juliet@bix.org', 'a'))
  await nurse.settles()
  romeo.sends(message('juliet@bix.org', 'b') + message('nurse@bix.org', 'a'))
  await romeo.settles()
  await juliet.settles()
  expect(juliet.heard.map((el) => el.attrs.from)).toEqual([
    'romeo@bix.org/orchard',
    'nurse@bix.org/hall',
    'romeo@bix.org/orchard',
  ])
  await nurse.settles()
  expect(nurse.heard).toHaveLength(1)
})

test('the same client under another resource is the same sender: it was cut and came back', async () => {
  using p = play()
  const juliet = await p.online('juliet@bix.org/balcony')
  for (const resource of ['one', 'two']) {
    const romeo = await p.online(`romeo@bix.org/${resource}`)
    romeo.sends(message('juliet@bix.org', 'a'))
    await romeo.hearsNothing()
    romeo.transport.destroy()
  }
  await juliet.next()
  await juliet.hearsNothing()
})

test('a restart does not forget what was stored', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-'))
  try {
    const file = join(dir, 'belfry.db')
    for (let i = 0; i < 2; i++) {
      using p = play({ file })
      const romeo = await p.online('romeo@bix.org/orchard')
      await p.router.run((t) => t.store.accounts.find('juliet@bix.org'))
      if (!p.store.accounts.find('juliet@bix.org')) await p.account('juliet@bix.org')
      romeo.sends(message('juliet@bix.org', 'a'))
      await romeo.hearsNothing()
      expect(rows(p, 'offline')).toBe(1)
      expect(rows(p, 'archive')).toBe(2)
    }
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('a first try that failed may be repeated', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  romeo.sends(message('juliet@bix.org', 'a'))
  await romeo.hearsError('service-unavailable')
  await p.account('juliet@bix.org')
  romeo.sends(message('juliet@bix.org', 'a'))
  await romeo.hearsNothing()
  expect(rows(p, 'offline')).toBe(1)
})

test('no id, an empty one and one of more than 256 characters are not remembered', async () => {
  using p = play({ toml: '[archive]\ndefault = "never"\n' })
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  for (const id of ['', 'x'.repeat(257)]) {
    romeo.sends(message('juliet@bix.org', id) + message('juliet@bix.org', id))
    await romeo.settles()
    await juliet.settles()
    expect(juliet.heard).toHaveLength(2)
    juliet.forget()
  }
  romeo.sends(message('juliet@bix.org', 'y'.repeat(256)) + message('juliet@bix.org', 'y'.repeat(256)))
  await romeo.settles()
  await juliet.settles()
  expect(juliet.heard).toHaveLength(1)
})

test('what a program sends on behalf of an account is taken once as well', async () => {
  using p = play()
  await p.account('romeo@bix.org')
  const juliet = await p.online('juliet@bix.org/balcony')
  const from = Jid.parse('romeo@bix.org')
  const send = () =>
    p.router.send(
      Stanza.make(
        'message',
        from,
        Jid.parse('juliet@bix.org'),
        { type: 'chat' },
        xml('body', {}, 'hist!'),
        xml('origin-id', { xmlns: 'urn:xmpp:sid:0', id: 'a' }),
      ),
      p.store.accounts.find('romeo@bix.org') ?? 'server',
    )
  await send()
  await send()
  await juliet.next()
  await juliet.hearsNothing()
  expect(rows(p, 'archive')).toBe(2)
})

/** What Juliet hears and what both archives hold of these, sent one after the other by Romeo. */
async function taken(
  p: ReturnType<typeof play>,
  ...stanzas: string[]
): Promise<[heard: number, kept?: number]> {
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  for (const stanza of stanzas) {
    romeo.sends(stanza)
    await romeo.hearsNothing()
  }
  await juliet.settles()
  return [juliet.heard.length, rows(p, 'archive')]
}

const said = (inner: string, attrs = "id='n1' type='chat'") =>
  `<message to='juliet@bix.org' ${attrs}>${inner}</message>`
const ORIGIN = `<origin-id xmlns='urn:xmpp:sid:0' id='n1'/>`
const BODY = '<body>See you at nin</body>'

test.each([
  [
    'a correction that copies the message it corrects, as XMPPFramework does',
    said(
      `<body>See you at nine</body><replace xmlns='urn:xmpp:message-correct:0' id='n1'/>${ORIGIN}`,
      "id='n2' type='chat'",
    ),
  ],
  ['another body', said(`<body>See you at ten</body>${ORIGIN}`)],
  ['a body in another language', said(`<body xml:lang='it'>See you at nin</body>${ORIGIN}`)],
  ['white space more', said(`<body>See you at nin </body>${ORIGIN}`)],
  ['one payload more', said(`${BODY}<x xmlns='urn:x'/>${ORIGIN}`)],
  ['a body of another namespace', said(`<body xmlns='urn:x'>See you at nin</body>${ORIGIN}`)],
  ['another type', said(BODY + ORIGIN, "id='n1' type='normal'")],
  ['no type', said(BODY + ORIGIN, "id='n1'")],
])('the same origin-id with other content is another message: %s', async (_what, second) => {
  using p = play()
  expect(await taken(p, said(BODY + ORIGIN), second, said(BODY + ORIGIN), second)).toEqual([2, 4])
})

test.each([
  ['under another id', said(BODY + ORIGIN, "type='chat' id='n2'")],
  [
    'with the time at which it was said first',
    said(`<delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/>${BODY}${ORIGIN}`),
  ],
  [
    'with that time as old clients say it',
    said(`${BODY}${ORIGIN}<x xmlns='jabber:x:delay' stamp='20260101T00:00:00'/>`),
  ],
  [
    'with an id of somebody',
    said(`${BODY}<stanza-id xmlns='urn:xmpp:sid:0' id='x' by='room.example'/>${ORIGIN}`),
  ],
  ['with the id at another place', said(ORIGIN + BODY)],
  ['with line feeds between its parts', said(`\n  ${BODY}\n  ${ORIGIN}\n`)],
  ['with a namespace declared in full', said(`<body xmlns='jabber:client'>See you at nin</body>${ORIGIN}`)],
  ['to a resource', said(BODY + ORIGIN).replace('juliet@bix.org', 'juliet@bix.org/balcony')],
  ['as CDATA', said(`<body><![CDATA[See you at nin]]></body>${ORIGIN}`)],
])('a repeat is one however it is written: %s', async (_how, again) => {
  using p = play()
  expect(await taken(p, said(BODY + ORIGIN), again)).toEqual([1, 2])
})

test.each([
  [
    `<p:e xmlns:p='urn:x' a='1' b='2' p:c='3'><p:f/></p:e>`,
    `<e xmlns='urn:x' xmlns:q='urn:x' q:c="3" b="2" a="1"><q:f></q:f></e>`,
    1,
  ],
  [`<e xmlns='urn:x' a='1'/>`, `<e xmlns='urn:x' a='2'/>`, 2],
  [`<e xmlns='urn:x'><f/></e>`, `<e xmlns='urn:x'><f xmlns='urn:y'/></e>`, 2],
  [`<e xmlns='urn:x' xmlns:p='urn:a' p:c='1'/>`, `<e xmlns='urn:x' xmlns:p='urn:b' p:c='1'/>`, 2],
  [`<e xmlns='urn:x'>a<f/></e>`, `<e xmlns='urn:x'><f/>a</e>`, 2],
])('names count by their namespaces, not by their prefixes: %s and %s', async (one, other, heard) => {
  using p = play()
  expect((await taken(p, said(BODY + one + ORIGIN), said(BODY + other + ORIGIN)))[0]).toBe(heard)
})

test('a repeat after a restart is one, and a correction before and after it is another message', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-'))
  const corrected = said(
    `<body>See you at nine</body><replace xmlns='urn:xmpp:message-correct:0' id='n1'/>${ORIGIN}`,
  )
  // What features take out of it on its way must not make it another message.
  const marked = `${BODY}<private xmlns='urn:xmpp:carbons:2'/><displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' id='1' by='romeo@bix.org'/></displayed>`
  try {
    for (let i = 0; i < 2; i++) {
      using p = play({ file: join(dir, 'belfry.db'), seed: i })
      if (i === 0) await p.account('juliet@bix.org')
      const romeo = await p.online(`romeo@bix.org/${i}`)
      romeo.sends(said(marked + ORIGIN) + corrected)
      await romeo.settles()
      expect([rows(p, 'offline'), rows(p, 'archive')]).toEqual([2, 4])
    }
  } finally {
    rmSync(dir, { recursive: true })
  }
})
