import { expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { child, children, type Element } from '../../src/xmpp/xml.ts'
import { type Play, play } from '../support/world.ts'

const EXTDISCO = 'urn:xmpp:extdisco:2'

function withServices(f: (p: Play) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-'))
  writeFileSync(join(dir, 'secret'), 'north\n')
  writeFileSync(join(dir, 'password'), 'south\n')
  const p = play({
    toml: `
[[external_services]]
type = "stun"
host = "stun.bix.org"
[[external_services]]
type = "turn"
host = "turn.bix.org"
secret_file = "${dir}/secret"
ttl = "1h"
[[external_services]]
type = "turns"
host = "turn.bix.org"
port = 5349
transport = "tcp"
username = "fixed"
password_file = "${dir}/password"`,
  })
  return f(p).finally(() => {
    p[Symbol.dispose]()
    rmSync(dir, { recursive: true })
  })
}

const services = (answer: Element, name = 'services') => {
  const list = child(answer, name, EXTDISCO)
  return list ? children(list, 'service').map((el) => ({ ...el.attrs })) : []
}

test('XEP-0215 §2, §3.1: the services, TURN with a password that ends in an hour', () =>
  withServices(async (p) => {
    const romeo = await p.bound('romeo@bix.org')
    const all = services(await romeo.asks('get', `<services xmlns='${EXTDISCO}'/>`, 'bix.org'))
    const username = `${Date.UTC(2026, 0, 1, 1) / 1000}:${p.store.accounts.find('romeo@bix.org')?.id}`
    expect(all).toEqual([
      { type: 'stun', host: 'stun.bix.org', port: '3478', transport: 'udp' },
      {
        type: 'turn',
        host: 'turn.bix.org',
        port: '3478',
        transport: 'udp',
        restricted: 'true',
        expires: '2026-01-01T01:00:00Z',
        username,
        password: createHmac('sha1', 'north').update(username).digest('base64'),
      },
      {
        type: 'turns',
        host: 'turn.bix.org',
        port: '5349',
        transport: 'tcp',
        restricted: 'true',
        username: 'fixed',
        password: 'south',
      },
    ])
  }))

test('XEP-0215 §5: the feature is announced where there are services, and only there', async () => {
  const announced = async (p: Play) => {
    const romeo = await p.bound('romeo@bix.org')
    const answer = await romeo.asks(
      'get',
      `<query xmlns='http://jabber.org/protocol/disco#info'/>`,
      'bix.org',
    )
    return answer.toString().includes(`<feature var="${EXTDISCO}"/>`)
  }
  await withServices(async (p) => expect(await announced(p)).toBe(true))
  using none = play()
  expect(await announced(none)).toBe(false)
})

test('XEP-0215 §3.2, §3.3: of one type, and the credentials of one service', () =>
  withServices(async (p) => {
    const romeo = await p.bound('romeo@bix.org')
    const stun = await romeo.asks('get', `<services xmlns='${EXTDISCO}' type='stun'/>`, 'bix.org')
    expect(services(stun).map(({ host }) => host)).toEqual(['stun.bix.org'])
    const one = (attrs: string) =>
      romeo.asks('get', `<credentials xmlns='${EXTDISCO}'><service ${attrs}/></credentials>`, 'bix.org')
    expect(services(await one(`type='turns' host='turn.bix.org'`), 'credentials')[0]?.password).toBe('south')
    expect((await one(`type='turns' host='turn.bix.org' port='1'`)).attrs.type).toBe('error')
    expect((await one(`type='turn' host='other.example'`)).attrs.type).toBe('error')
    expect((await one(`type='turn'`)).attrs.type).toBe('error')
  }))

test('XEP-0215 §3.3: services of any kind; every service that is asked for has its credentials', async () => {
  using p = play({
    toml: `
[[external_services]]
type = "ftp"
host = "files.bix.org"
port = 21
transport = "tcp"
[[external_services]]
type = "turn"
host = "turn.bix.org"
[[external_services]]
type = "turn"
host = "turn.bix.org"
transport = "tcp"
[[external_services]]
type = "x-relay"
host = "relay.bix.org"`,
  })
  const romeo = await p.bound('romeo@bix.org')
  const asks = async (inner: string) => {
    const query = `<credentials xmlns='${EXTDISCO}'>${inner}</credentials>`
    return services(await romeo.asks('get', query, 'bix.org'), 'credentials')
  }
  const ftp = { type: 'ftp', host: 'files.bix.org', port: '21', transport: 'tcp' }
  const turn = { type: 'turn', host: 'turn.bix.org', port: '3478' }
  const relay = { type: 'x-relay', host: 'relay.bix.org' }
  const both = `<service type='turn' host='turn.bix.org'/><service type='ftp' host='files.bix.org'/>`
  expect(await asks(both)).toEqual([ftp, { ...turn, transport: 'udp' }, { ...turn, transport: 'tcp' }])
  expect(await asks(`<service type='x-relay' host='relay.bix.org'/>`)).toEqual([relay])
  expect(await asks(`<service type='turn' host='turn.bix.org' transport='tcp'/>`)).toEqual([
    { ...turn, transport: 'tcp' },
  ])
  // One that is not there takes nothing from the others.
  expect(await asks(`<service type='stun' host='none'/><service type='ftp' host='files.bix.org'/>`)).toEqual([
    ftp,
  ])
  expect(await asks(`<service type='ftp'/>`)).toEqual([])
})
