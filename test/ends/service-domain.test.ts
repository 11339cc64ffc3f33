/** A domain of a feature's own: echo.<host> gets every stanza to it, and says it back or refuses it. */
import { expect, test } from 'bun:test'
import type { Feature, Service } from '../../src/routing/feature.ts'
import { StanzaError } from '../../src/xmpp/errors.ts'
import { Jid } from '../../src/xmpp/jid.ts'
import { Stanza } from '../../src/xmpp/stanza.ts'
import { childText, xml } from '../../src/xmpp/xml.ts'
import { cast, PUSH, settle } from '../support/phones.ts'
import { play } from '../support/world.ts'

/** Every stanza that came, in short. */
const heard: string[] = []

const service: Service = {
  name: 'Echo',
  domainOf: (host) => (host === 'bix.org' ? `echo.${host}` : undefined),
  receive(t, to) {
    const { kind, type, el, from } = t.stanza
    heard.push(`${kind} ${type} ${from.toString()} → ${to.toString()}`)
    if (to.local === 'refuses') throw new StanzaError('not-acceptable', 'No.')
    if (type === 'error' || type === 'result') return
    if (kind === 'iq') return t.reply(xml('echo', { xmlns: 'urn:example:echo' }))
    if (kind === 'presence') return t.emit(Stanza.make('presence', to, from, { type: type || undefined }))
    t.emit(
      Stanza.make(
        'message',
        to,
        from.toBare(),
        { type: 'chat' },
        xml('body', {}, `${childText(el, 'body')}!`),
      ),
    )
  },
}
const echo: Feature = { name: 'echo', xeps: [], service }

test('gets messages, presence and queries to its domain, names below it and their resources, and answers each', async () => {
  using p = play({ extra: [echo] })
  const romeo = await p.online('romeo@bix.org/orchard')
  heard.length = 0
  for (const to of ['echo.bix.org', 'echo.bix.org/a', 'room@echo.bix.org', 'room@echo.bix.org/nick']) {
    romeo.sends(`<message to='${to}' type='chat'><body>hark</body></message><presence to='${to}'/>`)
    await romeo.receives(
      `<message from='${to}' to='romeo@bix.org' type='chat'><body>hark!</body>` +
        `<stanza-id xmlns='urn:xmpp:sid:0' id='{any}' by='romeo@bix.org'/></message>`,
    )
    await romeo.receives(`<presence from='${to}' to='romeo@bix.org/orchard'/>`)
    const answer = await romeo.asks('get', `<x xmlns='urn:example:x'/>`, to)
    expect([answer.attrs.type, answer.attrs.from]).toEqual(['result', to])
  }
  // The end of a session reaches whom its presence reached (RFC 6121 §4.6.3).
  heard.length = 0
  romeo.sends('</stream:stream>')
  await settle(p)
  expect(heard.toSorted()).toEqual(
    ['echo.bix.org', 'echo.bix.org/a', 'room@echo.bix.org', 'room@echo.bix.org/nick']
      .map((to) => `presence unavailable romeo@bix.org/orchard → ${to}`)
      .toSorted(),
  )
})

test('what it refuses comes back, and a message stays its sender’s', async () => {
  using p = play({ extra: [echo] })
  const romeo = await p.online('romeo@bix.org/orchard')
  await romeo.isRefused('not-acceptable', 'get', `<x xmlns='urn:example:x'/>`, 'refuses@echo.bix.org')
  romeo.sends(`<message to='refuses@echo.bix.org' type='chat' id='m'><body>hark</body></message>`)
  const error = await romeo.hearsError('not-acceptable')
  expect([error.attrs.id, error.attrs.from]).toEqual(['m', 'refuses@echo.bix.org'])
  const rows = p.store.db.raw.query<{ peer: string }, []>('SELECT peer FROM archive').all()
  expect(rows).toEqual([{ peer: 'refuses@echo.bix.org' }, { peer: 'refuses@echo.bix.org' }])
})

test('its words reach who is away: archive, offline storage, phone', async () => {
  using p = play({ toml: PUSH, extra: [echo] })
  const { app } = await cast(p)
  await p.router.receive(
    Stanza.make(
      'message',
      Jid.parse('bot@echo.bix.org'),
      Jid.parse('juliet@bix.org'),
      { type: 'chat' },
      xml('body', {}, 'hark'),
    ),
  )
  await settle(p)
  expect(p.store.messages.totalOffline()).toBe(1)
  expect(p.pushed.map(({ kind }) => kind)).toEqual(['body'])
  expect(app.ended).toBe(true)
})

test('it is an item of its host and of no other, nobody logs in there, and programs reach it', async () => {
  using p = play({ extra: [echo] })
  const romeo = await p.online('romeo@bix.org/orchard')
  const items = `<query xmlns='http://jabber.org/protocol/disco#items'/>`
  expect(String(await romeo.asks('get', items, 'bix.org'))).toContain(
    `<item jid="echo.bix.org" name="Echo"/>`,
  )
  expect(String(await romeo.asks('get', items, 'other.example'))).not.toContain('echo.')
  const stranger = p.connect()
  stranger.sends(
    `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='echo.bix.org' version='1.0'>`,
  )
  await stranger.isCutOff('host-unknown')
  const sender = p.store.accounts.find('romeo@bix.org')
  const [from, to] = [Jid.parse('romeo@bix.org'), Jid.parse('room@echo.bix.org')]
  romeo.forget()
  await p.router.send(
    Stanza.make('message', from, to, { type: 'chat' }, xml('body', {}, 'hark')),
    sender ?? 'server',
  )
  expect(childText(await romeo.next(), 'body')).toBe('hark!')
})

test('two features that want one domain are a mistake at start; a host of the configuration stays one', () => {
  expect(() => play({ extra: [echo, { ...echo, name: 'other' }] })).toThrow('belongs to another feature')
  using p = play({
    extra: [{ ...echo, service: { ...service, domainOf: () => 'other.example' } }],
  })
  expect(p.world.domains.serviceAt('other.example')).toBeUndefined()
})
