/** Logins as they are counted, over real sockets. */
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { expect, test } from 'bun:test'
import { PASSWORD, secure, wire, type Wire, WireClient } from './support.ts'

/** An address of this machine that may be banned. */
const FROM = '127.0.0.2'

/** Logins so far, by "mechanism result". */
async function counted(w: Wire): Promise<Record<string, number>> {
  const text = await (await w.ask('GET', '/metrics')).text()
  const lines = text.matchAll(/^belfry_auth_total\{mechanism="([^"]*)",result="([^"]*)"\} (\d+)$/gm)
  return Object.fromEntries(
    [...lines].map(([, mechanism, result, n]) => [`${mechanism} ${result}`, Number(n)]),
  )
}

async function byStream(w: Wire, password: string): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port: w.port('c2s-tls'), localAddress: FROM })
  const client = new WireClient(await secure({ socket, servername: 'bix.org' }))
  await client.opens('bix.org')
  const initial = btoa(`\0juliet\0${password}`)
  client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${initial}</auth>`)
  await client.next()
  client.close()
}

async function byHttp(w: Wire, password: string): Promise<void> {
  const authorization = `Basic ${btoa(`juliet@bix.org:${password}`)}`
  const asked = request({
    port: w.port('http'),
    path: '/v1/me',
    headers: { authorization },
    localAddress: FROM,
  })
  asked.end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  await once(answer.resume(), 'close')
}

test('belfry_auth_total has one vocabulary for SASL and HTTP', async () => {
  const limits = 'auth_failures = 1\nauth_failures_per_ip = 2\nauth_delay_max = "0s"'
  await using w = await wire({ auth: `plain = true\nnever_ban = ["!${FROM}"]`, rates: true, limits })
  await w.account('juliet@bix.org')
  const before = await counted(w)
  await byStream(w, PASSWORD)
  await byHttp(w, PASSWORD)
  await byStream(w, 'wrong')
  await byHttp(w, 'wrong')
  // By now the address is banned about this account.
  await byStream(w, PASSWORD)
  await byHttp(w, PASSWORD)
  const after = await counted(w)
  const changed = Object.entries(after)
    .map(([key, n]) => [key, n - (before[key] ?? 0)] as const)
    .filter(([, n]) => n > 0)
  expect(Object.fromEntries(changed)).toEqual({
    'PLAIN ok': 1,
    'PLAIN failed': 1,
    'PLAIN limited': 1,
    'http ok': 1,
    'http failed': 1,
    'http limited': 1,
  })
})
