/** What compliance testers ask of a server, asked on the wire of one with its defaults, a host and a certificate. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { defaults } from '../../src/config/config.ts'
import { complianceTable, DEMANDS } from '../docs/compliance.ts'
import { supportTable } from '../docs/support.ts'
import { features } from '../../src/features/index.ts'
import { child, children, childText, type Element } from '../../src/xmpp/xml.ts'
import { info as pictured, picture } from '../support/avatars.ts'
import { secure, type Wire, wire, WireClient } from './support.ts'

const INFO = 'http://jabber.org/protocol/disco#info'
const PUBSUB = 'http://jabber.org/protocol/pubsub'
const OPTIONS = `${PUBSUB}#publish-options`

/** Only these need more than the defaults: whom to ring, whom to write to, and somebody else's relay for calls. */
const CONFIGURED = `[push]
simulator = true
[contact]
abuse = ["mailto:abuse@bix.org"]
[[external_services]]
type = "stun"
host = "turn.bix.org"
[[external_services]]
type = "turn"
host = "turn.bix.org"
secret_file = "turn.secret"
`

let own: Wire
let juliet: WireClient
/** Stream features after login. */
let offers: Element
beforeAll(async () => {
  own = await wire({
    toml: CONFIGURED,
    prepare: (directory) => void Bun.write(join(directory, 'turn.secret'), 'north', { mode: 0o600 }),
  })
  await own.account('juliet@bix.org')
  juliet = await WireClient.direct(own.port('c2s-tls'))
  await juliet.opens('bix.org')
  await juliet.scram('juliet')
  offers = await juliet.opens('bix.org')
  juliet.send(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`)
  await juliet.until(({ attrs }) => attrs.id === 'b')
  juliet.send('<presence/>')
  await juliet.ping()
})
afterAll(async () => {
  juliet.close()
  await own[Symbol.asyncDispose]()
})

let asked = 0
async function asks(type: 'get' | 'set', payload: string, to?: string): Promise<Element> {
  const id = `q${++asked}`
  juliet.send(`<iq type='${type}' id='${id}'${to === undefined ? '' : ` to='${to}'`}>${payload}</iq>`)
  const answer = await juliet.until(({ name, attrs }) => name === 'iq' && attrs.id === id)
  if (answer.attrs.type !== 'result') throw new Error(answer.toString())
  return answer
}

async function info(to: string): Promise<Element> {
  const query = child(await asks('get', `<query xmlns='${INFO}'/>`, to), 'query', INFO)
  if (!query) throw new Error('no query')
  return query
}

/** Published for everybody. */
const publish = (node: string, id: string, item: string) =>
  `<pubsub xmlns='${PUBSUB}'><publish node='${node}'><item id='${id}'>${item}</item></publish><publish-options>` +
  `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>${OPTIONS}</value></field>` +
  `<field var='pubsub#access_model'><value>open</value></field></x></publish-options></pubsub>`

describe('stream features', () => {
  const wanted: [what: string, name: string, xmlns: string][] = [
    ['XEP-0237: roster versioning', 'ver', 'urn:xmpp:features:rosterver'],
    ['XEP-0115: entity capabilities', 'c', 'http://jabber.org/protocol/caps'],
    ['XEP-0198: stream management', 'sm', 'urn:xmpp:sm:3'],
    ['XEP-0352: client state indication', 'csi', 'urn:xmpp:csi:0'],
  ]
  for (const [what, name, xmlns] of wanted) test(what, () => expect(child(offers, name, xmlns)).toBeDefined())
})

describe('service discovery', () => {
  const ofServer: [what: string, feature: string][] = [
    ['XEP-0054: vCards', 'vcard-temp'],
    ['XEP-0191: blocking', 'urn:xmpp:blocking'],
    ['XEP-0280: carbons', 'urn:xmpp:carbons:2'],
    ['XEP-0160: offline storage', 'msgoffline'],
    ['XEP-0215: external services', 'urn:xmpp:extdisco:2'],
  ]
  for (const [what, feature] of ofServer)
    test(`${what} at the server`, async () =>
      expect(children(await info('bix.org'), 'feature').map(({ attrs }) => attrs.var)).toContain(feature))

  const ofAccount: [what: string, feature: string][] = [
    ['XEP-0313: the archive', 'urn:xmpp:mam:2'],
    ['XEP-0357: push', 'urn:xmpp:push:0'],
    ['XEP-0384: publish-options, for keys that strangers may read', OPTIONS],
    ['XEP-0398: avatar conversion', 'urn:xmpp:pep-vcard-conversion:0'],
    ['XEP-0411: bookmark conversion', 'urn:xmpp:bookmarks-conversion:0'],
    ['XEP-0402: bookmarks are the truth', 'urn:xmpp:bookmarks:1#compat'],
  ]
  for (const [what, feature] of ofAccount)
    test(`${what} at the account`, async () =>
      expect(children(await info('juliet@bix.org'), 'feature').map(({ attrs }) => attrs.var)).toContain(
        feature,
      ))

  test('XEP-0163: the account is a service of its own', async () => {
    const identities = children(await info('juliet@bix.org'), 'identity')
    expect(identities.map(({ attrs }) => `${attrs.category}/${attrs.type}`)).toContain('pubsub/pep')
  })

  test('XEP-0157: an abuse contact', async () => {
    const forms = children(await info('bix.org'), 'x', 'jabber:x:data').map(String)
    expect(
      forms.some((form) => form.includes('abuse-addresses') && form.includes('mailto:abuse@bix.org')),
    ).toBe(true)
  })
})

describe('what is announced is true', () => {
  test('XEP-0384: publish-options open a node to strangers', async () => {
    await own.account('stranger@bix.org')
    await asks('set', publish('eu.siacs.conversations.axolotl.devicelist', 'current', `<list xmlns='x'/>`))
    const stranger = await WireClient.direct(own.port('c2s-tls'))
    await stranger.logsIn('stranger@bix.org')
    stranger.send(
      `<iq type='get' id='k' to='juliet@bix.org'><pubsub xmlns='${PUBSUB}'><items node='eu.siacs.conversations.axolotl.devicelist'/></pubsub></iq>`,
    )
    const answer = await stranger.until(({ attrs }) => attrs.id === 'k')
    expect(answer.attrs.type).toBe('result')
    stranger.close()
  })

  test('XEP-0398: an avatar that is published stands in the vCard', async () => {
    const it = picture('juliet')
    const data = it.base64
    const pub = (what: string, inner: string) => {
      const xmlns = `urn:xmpp:avatar:${what}`
      return asks('set', publish(xmlns, it.hash, `<${what} xmlns='${xmlns}'>${inner}</${what}>`))
    }
    await pub('data', data)
    await pub('metadata', pictured(it))
    const vcard = child(await asks('get', `<vCard xmlns='vcard-temp'/>`), 'vCard', 'vcard-temp')
    const photo = vcard && child(vcard, 'PHOTO')
    expect(photo && childText(photo, 'BINVAL')).toBe(data)
  })

  test('XEP-0215: STUN, and TURN with credentials', async () => {
    const xmlns = 'urn:xmpp:extdisco:2'
    const list = child(await asks('get', `<services xmlns='${xmlns}'/>`, 'bix.org'), 'services', xmlns)
    const services = list ? children(list, 'service').map(({ attrs }) => attrs) : []
    expect(services.map(({ type, transport }) => `${type} ${transport}`)).toEqual(['stun udp', 'turn udp'])
    expect(services.every(({ host, port }) => host === 'turn.bix.org' && port === '3478')).toBe(true)
    expect(services[1]?.username).toMatch(/^\d+/)
    expect(services[1]?.password).toMatch(/^[\w+/=]{20,}$/)
  })
})

test('XEP-0368: direct TLS speaks xmpp-client by ALPN', async () => {
  const socket = await secure({
    host: '127.0.0.1',
    port: own.port('c2s-tls'),
    servername: 'bix.org',
    ALPNProtocols: ['xmpp-client'],
  })
  expect(socket.alpnProtocol).toBe('xmpp-client')
  socket.destroy()
})

test.each(['', '.json'])(
  'XEP-0156: host-meta%s names both doors and may be read by every page',
  async (ending) => {
    const answer = await fetch(`https://127.0.0.1:${own.port('https')}/.well-known/host-meta${ending}`, {
      headers: { host: 'bix.org', origin: 'https://elsewhere.example' },
      tls: { rejectUnauthorized: false },
    })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    const text = await answer.text()
    expect(text).toContain('wss://bix.org/xmpp-websocket')
    expect(text).toContain('https://bix.org/http-bind')
  },
)

describe('XEP-0479: the table in the README', () => {
  test('is what the page says', () => {
    const readme = readFileSync(join(import.meta.dir, '../../README.md'), 'utf8')
    // To mend it: print complianceTable() between the two markers.
    expect(readme.split('<!-- compliance -->\n')[1]?.split('\n<!-- /compliance -->')[0]).toBe(
      complianceTable(),
    )
  })

  const support = supportTable(features(defaults()))
  for (const { suite, what, xeps, missing } of DEMANDS)
    test(`${suite}, ${what}: ${missing ?? 'there'}`, () => {
      const there = xeps.filter((number) => support.includes(`[XEP-${String(number).padStart(4, '0')}]`))
      if (missing === undefined) expect(there).toEqual([...xeps])
      else if (xeps.length === 1) expect(there).toEqual([])
    })
})
