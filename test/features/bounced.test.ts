/**
 * A message that its recipient's side refuses: its sender sent it all the same, and the error goes where it went
 * (XEP-0280 §6.1).
 */
import { describe, expect, test } from 'bun:test'
import { StanzaError } from '../../src/xmpp/errors.ts'
import { Jid } from '../../src/xmpp/jid.ts'
import { Stanza } from '../../src/xmpp/stanza.ts'
import { xml } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { type Play, play } from '../support/world.ts'

const CARBONS = `<enable xmlns='urn:xmpp:carbons:2'/>`

/** What a client hears, in short: whose carbon of what. */
const heard = (actor: Actor): string[] =>
  actor.heard
    .filter(({ name }) => name === 'message')
    .map((el) => {
      const text = el.toString()
      const how = /<(sent|received) xmlns="urn:xmpp:carbons:2"/.exec(text)?.[1] ?? 'itself'
      return `${how} ${/type="error"/.test(text) ? 'error' : (/<body>(.*?)<\/body>/.exec(text)?.[1] ?? '')}`
    })

const archive = (p: Play, owner: string): string[] =>
  p.store.db.raw
    .query<{ peer: string; xml: string }, [string]>(
      'SELECT peer, xml FROM archive JOIN accounts ON accounts.id = account_id WHERE jid = ? ORDER BY archive.id',
    )
    .all(owner)
    .map(
      ({ peer, xml }) =>
        `${peer} ${/type="error"/.test(xml) ? 'error' : (/<body>(.*?)<\/body>/.exec(xml)?.[1] ?? '')}`,
    )

const offline = (p: Play): number => p.store.messages.totalOffline()

async function devices(p: Play): Promise<{ phone: Actor; desk: Actor }> {
  const [phone, desk] = [await p.online('romeo@bix.org/phone'), await p.online('romeo@bix.org/desk')]
  for (const actor of [phone, desk]) {
    await actor.asks('set', CARBONS)
    await actor.settles()
    actor.forget()
  }
  return { phone, desk }
}

interface Refusal {
  readonly title: string
  readonly to: string
  readonly type?: string
  readonly toml?: string
  readonly prepare?: (p: Play) => Promise<unknown>
}

const REFUSALS: readonly Refusal[] = [
  { title: 'there is no such account', to: 'nobody@bix.org' },
  { title: 'the server itself is written to', to: 'bix.org' },
  { title: 'the domain is another’s', to: 'nurse@elsewhere.example' },
  {
    title: 'the resource is gone',
    to: 'juliet@bix.org/gone',
    type: 'normal',
    prepare: (p) => p.account('juliet@bix.org'),
  },
  {
    title: 'the box is full, and there is no archive',
    to: 'juliet@bix.org',
    toml: '[limits]\noffline_messages = 1',
    prepare: async (p) => {
      await p.account('juliet@bix.org')
      const juliet = await p.online('juliet@bix.org/phone')
      await juliet.asks('set', `<prefs xmlns='urn:xmpp:mam:2' default='never'><always/><never/></prefs>`)
      juliet.sends('</stream:stream>')
      const nurse = await p.online('nurse@bix.org/room')
      nurse.sends(`<message to='juliet@bix.org' type='chat'><body>first</body></message>`)
      await nurse.settles()
    },
  },
  {
    title: 'the recipient has blocked the sender',
    to: 'juliet@bix.org',
    prepare: async (p) => {
      const juliet = await p.online('juliet@bix.org/balcony')
      await juliet.asks('set', `<block xmlns='urn:xmpp:blocking'><item jid='romeo@bix.org'/></block>`)
    },
  },
]

describe('where', () => {
  for (const { title, to, type = 'chat', toml, prepare } of REFUSALS)
    test(`${title}: the sender keeps it with the error, and its other clients hear of both`, async () => {
      using p = play(toml === undefined ? {} : { toml })
      await prepare?.(p)
      const { phone, desk } = await devices(p)
      const before = offline(p)
      phone.sends(`<message to='${to}' type='${type}' id='m'><body>hark</body></message>`)
      await phone.settles()
      await desk.settles()
      expect(heard(phone)).toEqual(['itself error'])
      expect(heard(desk)).toEqual(['sent hark', 'received error'])
      const bare = to.replace(/\/.*/, '')
      expect(archive(p, 'romeo@bix.org')).toEqual([`${bare} hark`, `${bare} error`])
      expect(offline(p)).toBe(before)
      expect(archive(p, 'juliet@bix.org')).toEqual([])
    })
})

test('what the sender’s own side refuses is not sent at all', async () => {
  using p = play()
  await p.account('juliet@bix.org')
  const { phone, desk } = await devices(p)
  await phone.asks('set', `<block xmlns='urn:xmpp:blocking'><item jid='juliet@bix.org'/></block>`)
  desk.forget()
  phone.sends(`<message to='juliet@bix.org' type='chat'><body>hark</body></message>`)
  await phone.hearsError('not-acceptable')
  await desk.settles()
  expect(heard(desk)).toEqual([])
  expect(archive(p, 'romeo@bix.org')).toEqual([])
})

test('an error is neither copied nor archived where the message was not', async () => {
  using p = play()
  const { phone, desk } = await devices(p)
  for (const payload of [
    `<body>x</body><private xmlns='urn:xmpp:carbons:2'/><no-store xmlns='urn:xmpp:hints'/>`,
    `<body>x</body><no-copy xmlns='urn:xmpp:hints'/><no-permanent-store xmlns='urn:xmpp:hints'/>`,
  ]) {
    phone.sends(`<message to='nobody@bix.org' type='chat'>${payload}</message>`)
    await phone.hearsError('service-unavailable')
  }
  await desk.settles()
  expect(heard(desk)).toEqual([])
  expect(archive(p, 'romeo@bix.org')).toEqual([])
})

test('an error that a client sends to nobody is answered by none', async () => {
  using p = play()
  const { phone, desk } = await devices(p)
  phone.sends(`<message to='nobody@bix.org' type='error'><body>x</body></message>`)
  await phone.settles()
  expect(heard(phone)).toEqual([])
  expect(archive(p, 'romeo@bix.org')).toEqual([])
  await desk.settles()
})

test('what a program sends in vain leaves no trace: its answer says so', async () => {
  using p = play()
  const { phone } = await devices(p)
  const sender = p.store.accounts.find('romeo@bix.org')
  if (!sender) throw new Error('nobody')
  const [from, to] = [Jid.parse('romeo@bix.org'), Jid.parse('nobody@bix.org')]
  const stanza = Stanza.make('message', from, to, { type: 'chat' }, xml('body', {}, 'hark'))
  const answer = p.router.send(stanza, sender).then(
    () => 'sent',
    (error: unknown) => (error instanceof StanzaError ? error.condition : error),
  )
  expect(await answer).toBe('service-unavailable')
  await phone.settles()
  expect(heard(phone)).toEqual([])
  expect(archive(p, 'romeo@bix.org')).toEqual([])
})
