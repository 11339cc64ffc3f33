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
