/** HTTP File Upload (XEP-0363): discovery and slots. What is put and fetched is played in test/http/uploads.test.ts. */
import { expect, test } from 'bun:test'
import { child, children, childText, type Element } from '../../src/xmpp/xml.ts'
import { type Play, play } from '../support/world.ts'

const ZERO = 'urn:xmpp:http:upload:0'
const OLD = 'urn:xmpp:http:upload'
const SIACS = 'eu:siacs:conversations:http:upload'
const SERVICE = 'upload.bix.org'
const BASE = 'https://chat.bix.org'
const TOML = `[http]\npublic_url = "${BASE}"\n`

const asks = async (p: Play, payload: string, who = 'romeo@bix.org/orchard', to = SERVICE) =>
  (await p.bound(who)).asks('get', payload, to)
const zero = (attrs: string, inner = ''): string => `<request xmlns='${ZERO}' ${attrs}>${inner}</request>`
const slotOf = (answer: Element) => {
  const slot = answer.children.find((node) => typeof node !== 'string')
  return slot && typeof slot !== 'string' ? slot : undefined
}
const urlsOf = (answer: Element): string[] => {
  const slot = slotOf(answer)
  return ['put', 'get'].map((name) => {
    const el = slot && child(slot, name)
    return el?.attrs.url ?? el?.getText() ?? ''
  })
}
const errorOf = (answer: Element): Element => {
  const error = child(answer, 'error')
  if (!error) throw new Error(`no error: ${answer.toString()}`)
  return error
}
const condition = (answer: Element): string | undefined =>
  errorOf(answer).children.flatMap((node) => (typeof node === 'string' ? [] : [node.name]))[0]

test('XEP-0363 §3: the host lists the service, which is a store of files with its largest size in each namespace', async () => {
  using p = play({ toml: `${TOML}[upload]\nmax_size = "5MB"\n` })
  const items = await asks(p, `<query xmlns='http://jabber.org/protocol/disco#items'/>`, undefined, 'bix.org')
  expect(items.toString()).toContain(`jid="${SERVICE}"`)
  const info = await asks(p, `<query xmlns='http://jabber.org/protocol/disco#info'/>`)
  const query = slotOf(info)!
  expect(child(query, 'identity')?.attrs).toMatchObject({ category: 'store', type: 'file' })
  const features = children(query, 'feature').map(({ attrs }) => attrs.var)
  for (const name of [
    ZERO,
    OLD,
    SIACS,
    ...['message', 'profile', 'ephemeral', 'permanent'].map((x) => `urn:xmpp:http:upload:purpose:0#${x}`),
  ])
    expect(features).toContain(name)
  const forms = children(query, 'x', 'jabber:x:data').map((form) =>
    children(form, 'field').map((field) => childText(field, 'value')),
  )
  expect(forms).toEqual([ZERO, OLD, SIACS].map((type) => [type, '5242880']))
})

test('XEP-0363 §4: a slot: attributes in :0, texts without headers in the older namespaces, whichever way it was asked for', async () => {
  using p = play({ toml: TOML })
  const answer = await asks(p, zero(`filename='très cool.jpg' size='23456' content-type='image/jpeg'`))
  const [put = '', get = ''] = urlsOf(answer)
  expect(slotOf(answer)?.attrs.xmlns).toBe(ZERO)
  expect(put).toMatch(/^https:\/\/chat\.bix\.org\/upload\/[0-9a-f]{48}\/tr%C3%A8s%20cool\.jpg$/)
  expect(get).toMatch(/^https:\/\/chat\.bix\.org\/upload\/[0-9a-f]{32}\/tr%C3%A8s%20cool\.jpg$/)
  for (const xmlns of [OLD, SIACS]) {
    const old = await asks(
      p,
      `<request xmlns='${xmlns}'><filename>a b.png</filename><size>3</size><content-type>image/png</content-type></request>`,
    )
    const slot = slotOf(old)!
    expect(slot.attrs.xmlns).toBe(xmlns)
    expect(child(slot, 'put')?.attrs.url).toBeUndefined()
    expect(child(slot, 'put')?.getText()).toMatch(/\/upload\/[0-9a-f]{48}\/a%20b\.png$/)
    expect(child(slot, 'get')?.getText()).toMatch(/\/upload\/[0-9a-f]{32}\/a%20b\.png$/)
    expect(slot.toString()).not.toContain('header')
  }
})

test.each([
  ['../../etc/passwd', 'passwd'],
  ['..\\..\\boot.ini', 'boot.ini'],
  ['..', 'file'],
  ['.', 'file'],
  ['a/', 'file'],
  [`it's "(50%)!*".png`, 'it%27s%20%22%2850%25%29%21%2A%22.png'],
  ['-rf', '-rf'],
  ['.hidden', '.hidden'],
  ['שלום.png', '%D7%A9%D7%9C%D7%95%D7%9D.png'],
  ['a&#9;b&#10;c.png', 'abc.png'],
  [`${'ü'.repeat(300)}.jpeg`, `${'%C3%BC'.repeat(125)}.jpeg`],
  [`${'a'.repeat(255)}`, 'a'.repeat(255)],
])('the name %p stands at the end of the address as %p', async (name, tail) => {
  using p = play({ toml: TOML })
  const escaped = name.replace(/&(?!#)/g, '&amp;').replaceAll("'", '&apos;')
  for (const url of urlsOf(await asks(p, zero(`filename='${escaped}' size='1'`)))) {
    expect(url.split('/').slice(5).join('/')).toBe(tail)
    // Nothing that resolves addresses makes another of it.
    expect(new URL(url).href).toBe(url)
  }
})

test.each([
  ['no name', `size='3'`],
  ['an empty name', `filename='' size='3'`],
  ['no size', `filename='a'`],
  ['nothing', `filename='a' size='0'`],
  ['less than nothing', `filename='a' size='-1'`],
  ['a part', `filename='a' size='1.5'`],
  ['a power', `filename='a' size='1e3'`],
])('%s is a bad request', async (_name, attrs) => {
  using p = play({ toml: TOML })
  expect(condition(await asks(p, zero(attrs)))).toBe('bad-request')
})

test('XEP-0363 §6: a file that is too large is told the largest size, in the namespace of the request', async () => {
  using p = play({ toml: `${TOML}[upload]\nmax_size = 20000\n` })
  for (const [xmlns, request] of [
    [ZERO, zero(`filename='a' size='20001'`)],
    [OLD, `<request xmlns='${OLD}'><filename>a</filename><size>20001</size></request>`],
    [SIACS, `<request xmlns='${SIACS}'><filename>a</filename><size>20001</size></request>`],
  ] as const) {
    const answer = await asks(p, request)
    expect(errorOf(answer).attrs.type).toBe('modify')
    expect(condition(answer)).toBe('not-acceptable')
    const large = child(errorOf(answer), 'file-too-large', xmlns)
    expect(large && childText(large, 'max-file-size')).toBe('20000')
  }
  expect((await asks(p, zero(`filename='a' size='20000'`))).attrs.type).toBe('result')
})

test('XEP-0363 §5, §5.3: purposes are kept apart in what they may take; an end that is no time or over is refused', async () => {
  using p = play({ toml: `${TOML}[upload]\naccount_bytes = 100\nprofile_bytes = 50\n` })
  const asked = (size: number, inner: string) => asks(p, zero(`filename='a' size='${size}'`, inner))
  const purpose = (text: string) => `<${text} xmlns='urn:xmpp:http:upload:purpose:0'/>`
  expect((await asked(100, purpose('message'))).attrs.type).toBe('result')
  expect(condition(await asked(101, purpose('message')))).toBe('resource-constraint')
  expect(condition(await asked(51, purpose('profile')))).toBe('resource-constraint')
  expect((await asked(101, purpose('permanent'))).attrs.type).toBe('result')
  const until = (time: string) => purpose(`ephemeral expire-before='${time}'`)
  expect(condition(await asked(101, until('2999-01-01T00:00:00Z')))).toBe('resource-constraint')
  expect((await asked(100, until('2999-01-01T00:00:00Z'))).attrs.type).toBe('result')
  for (const wrong of [until('soon'), until('2001-01-01T00:00:00Z'), purpose('ephemeral')])
    expect(condition(await asked(1, wrong))).toBe('bad-request')
  // What is not known is for a message.
  expect((await asked(1, purpose('story'))).attrs.type).toBe('result')
})

test('XEP-0363 §6: slots that nobody uses take nothing of the quota, and so many may wait; retry says until when', async () => {
  using p = play({ toml: `${TOML}[upload]\naccount_bytes = 100\nslots = 2\n` })
  const asked = () => asks(p, zero(`filename='a' size='100'`))
  expect((await asked()).attrs.type).toBe('result')
  expect((await asked()).attrs.type).toBe('result')
  const third = await asked()
  expect(condition(third)).toBe('resource-constraint')
  const stamp = child(errorOf(third), 'retry', ZERO)?.attrs.stamp ?? ''
  expect(Date.parse(stamp)).toBe(p.world.now() + 300_000)
  p.clock.advance(300_001)
  expect((await asked()).attrs.type).toBe('result')
})

test('where files would go over the net in the clear there is no service at all', async () => {
  const services = (toml: string): boolean => {
    using p = play({ toml })
    return p.world.domains.serviceAt(SERVICE) !== undefined
  }
  expect(services('[push]\n[http]\npublic_url = "http://chat.bix.org"\n')).toBe(false)
  expect(services('[push]\nsimulator = true\n[http]\npublic_url = "http://chat.bix.org"\n')).toBe(true)
  expect(services('[push]\n[http]\nlisten = ["0.0.0.0:5280"]\n')).toBe(false)
  // Phones come from elsewhere, and this machine's own address means another one there.
  expect(services('[push]\n[http]\nlisten = ["127.0.0.1:5280"]\n')).toBe(false)
  const near = '[c2s]\nlisten = ["127.0.0.1:5222"]\ndirect_tls_listen = []\n'
  expect(services(`[push]\n[http]\nlisten = ["127.0.0.1:5280"]\n${near}`)).toBe(true)
  expect(services('[push]\n[http]\npublic_url = "http://[::1]:5280"\n')).toBe(true)
  expect(services('[push]\n[http]\nlisten = []\ntls_listen = ["0.0.0.0:5443"]\n')).toBe(true)
  expect(services(`${TOML}[upload]\nurl = "http://files.bix.org"\n[push]\n`)).toBe(false)
  expect(services(`${TOML}[upload]\nenabled = false\n`)).toBe(false)
})

test('without a public address it is the host by our own TLS; a path and the domain of [upload] stay', async () => {
  const get = async (toml: string, to: string) => {
    using p = play({ toml })
    return urlsOf(await asks(p, zero(`filename='a' size='1'`), undefined, to))[1]?.replace(/upload\/.*/, '')
  }
  expect(await get('[http]\ntls_listen = ["0.0.0.0:5443"]\n', SERVICE)).toBe('https://bix.org:5443/')
  expect(await get('[http]\ntls_listen = ["0.0.0.0:443"]\n', SERVICE)).toBe('https://bix.org/')
  expect(await get(`[upload]\nurl = "https://x.bix.org/chat/"\n`, SERVICE)).toBe('https://x.bix.org/chat/')
  expect(await get(`[upload]\nhost = "files.{host}"\n`, 'files.bix.org')).toBe('http://127.0.0.1:5280/')
})
