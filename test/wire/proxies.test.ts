/** TCP proxies before the server, families of addresses, and connections that stop in the middle of a handshake. */
import { connect, type Socket } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'bun:test'
import { startLogging, stopLogging } from '../../src/log.ts'
import { freePort } from '../support/ports.ts'
import { testWith } from '../support/programs.ts'
import { PASSWORD, secure, type Wire, wire, WireClient } from './support.ts'

const HAPROXY = '/usr/sbin/haproxy'
const PROXIED = `listen = ["127.0.0.1:0", { address = "127.0.0.1:0", proxy_protocol = true }]
direct_tls_listen = ["127.0.0.1:0", { address = "127.0.0.1:0", proxy_protocol = true }]`

const ports = (on: Wire, name: string): number[] =>
  on.server.addresses.filter((address) => address.name === name).map(({ port }) => port)

/** Runs haproxy with one door per line, `[port, where to, options]`. */
async function haproxy(doors: readonly (readonly [number, number, string])[]): Promise<AsyncDisposable> {
  const directory = mkdtempSync(join(tmpdir(), 'belfry-haproxy-'))
  const file = join(directory, 'haproxy.cfg')
  const sections = doors.map(
    ([port, to, options], i) =>
      `listen d${i}\n bind 127.0.0.1:${port}\n server s 127.0.0.1:${to} ${options}\n`,
  )
  writeFileSync(
    file,
    `defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n${sections.join('')}`,
  )
  const run = Bun.spawn([HAPROXY, '-db', '-f', file], { stdout: 'ignore', stderr: 'ignore' })
  for (const [port] of doors) while (!(await answers(port)));
  return {
    async [Symbol.asyncDispose]() {
      run.kill()
      await run.exited
      rmSync(directory, { recursive: true })
    },
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

const plain = (name: string, password: string): string =>
  `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${btoa(`\0${name}\0${password}`)}</auth>`

/** What a login is answered with. */
async function login(client: WireClient, name: string, password = 'wrong'): Promise<string> {
  try {
    await client.opens('bix.org')
    client.send(plain(name, password))
    return (
      /success|temporary-auth-failure|not-authorized/.exec((await client.next()).toString())?.[0] ?? 'else'
    )
  } finally {
    client.close()
  }
}

const direct = (port: number): Promise<WireClient> => WireClient.direct(port, { servername: 'bix.org' })

/** A proxy of our own that says whatever it likes. */
async function proxied(port: number, header: string | Uint8Array): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.on('error', () => undefined)
  socket.write(header)
  return socket
}

const proxiedTls = async (port: number, header: string): Promise<WireClient> =>
  new WireClient(await secure({ socket: await proxied(port, header), servername: 'bix.org' }))

const closes = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.resume().once('close', () => resolve())
    if (socket.destroyed) resolve()
  })

const BANS = { auth: 'plain = true', rates: true, limits: 'auth_delay_max = "0s"' }

testWith([HAPROXY])('behind haproxy in mode tcp, one account’s wrong passwords lock nobody out', async () => {
  await using own = await wire(BANS)
  await own.account('romeo@bix.org')
  await own.account('juliet@bix.org')
  const port = await freePort()
  await using _proxy = await haproxy([[port, own.port('c2s-tls'), '']])
  for (let i = 0; i < 20; i++) expect(await login(await direct(port), 'romeo')).toBe('not-authorized')
  expect(await login(await direct(port), 'juliet', PASSWORD)).toBe('success')
})

testWith([HAPROXY])(
  'haproxy names the client by either version, before STARTTLS and before TLS',
  async () => {
    const lines: string[] = []
    startLogging({ level: 'info', format: 'text', write: (line) => void lines.push(line) })
    await using own = await wire({ ...BANS, c2s: PROXIED })
    await own.account('juliet@bix.org')
    const [clear = 0, inTls = 0] = [ports(own, 'c2s')[1], ports(own, 'c2s-tls')[1]]
    const doors: [number, number, string][] = []
    for (const to of [clear, inTls])
      for (const option of ['send-proxy', 'send-proxy-v2']) doors.push([await freePort(), to, option])
    await using _proxy = await haproxy(doors)
    for (const [port, to] of doors) {
      const from = `127.0.0.${10 + doors.findIndex((door) => door[0] === port)}`
      const enter = async (): Promise<WireClient> => {
        const socket = connect({ port, host: '127.0.0.1', localAddress: from })
        if (to === inTls) return new WireClient(await secure({ socket, servername: 'bix.org' }))
        const client = new WireClient(socket)
        await client.opens('bix.org')
        await client.startTls()
        return client
      }
      expect(await login(await enter(), 'juliet', PASSWORD)).toBe('success')
      expect(await login(await enter(), 'juliet')).toBe('not-authorized')
      expect(lines.some((line) => line.includes(`event="a login failed" ip=${from} `))).toBe(true)
    }
    stopLogging()
  },
)

describe('a listener that expects the PROXY protocol', () => {
  test('bans the client that it is told of, not the proxy', async () => {
    await using own = await wire({ ...BANS, c2s: PROXIED })
    await own.account('juliet@bix.org')
    const port = ports(own, 'c2s-tls')[1] ?? 0
    const from = (ip: string) => proxiedTls(port, `PROXY TCP4 ${ip} 127.0.0.1 4711 5223\r\n`)
    for (let i = 0; i < 20; i++)
      expect(await login(await from('203.0.113.9'), `guess${i}`)).toBe('not-authorized')
    // Direct TLS is closed before the handshake, which is what a guess costs; STARTTLS still says why.
    expect(await from('203.0.113.9').catch(() => 'closed')).toBe('closed')
    const told = new WireClient(
      await proxied(ports(own, 'c2s')[1] ?? 0, 'PROXY TCP4 203.0.113.9 127.0.0.1 4711 5222\r\n'),
    )
    await told.opens('bix.org')
    await told.startTls()
    expect(await login(told, 'juliet', PASSWORD)).toBe('temporary-auth-failure')
    expect(await login(await from('203.0.113.10'), 'juliet', PASSWORD)).toBe('success')
  })

  test('or the peer itself, where none speaks first', async () => {
    await using own = await wire({ ...BANS, auth: 'plain = true\nnever_ban = []' })
    await own.account('juliet@bix.org')
    const from = (localAddress: string) => {
      const socket = connect({ port: own.port('c2s-tls'), host: '127.0.0.1', localAddress })
      return secure({ socket, servername: 'bix.org' })
    }
    const enter = async (ip: string) => new WireClient(await from(ip))
    for (let i = 0; i < 20; i++)
      expect(await login(await enter('127.0.0.9'), `guess${i}`)).toBe('not-authorized')
    expect(await from('127.0.0.9').catch(() => 'closed')).toBe('closed')
    expect(await login(await enter('127.0.0.10'), 'juliet', PASSWORD)).toBe('success')
  })

  test('takes no word of others, and nothing else than the header', async () => {
    await using own = await wire({ c2s: `${PROXIED}\ntrusted_proxies = ["192.0.2.1"]` })
    for (const name of ['c2s', 'c2s-tls'])
      await closes(await proxied(ports(own, name)[1] ?? 0, 'PROXY TCP4 203.0.113.9 127.0.0.1 1 2\r\n'))
    await using trusting = await wire({ c2s: PROXIED, limits: 'tls_handshake_timeout = "200ms"' })
    const wrong = ['<stream:stream', '\u0016\u0003\u0001', 'PROXY TCP4 127.0.0.1.evil.test 1 2\r\n', 'PROXY ']
    for (const name of ['c2s', 'c2s-tls'])
      for (const header of wrong) await closes(await proxied(ports(trusting, name)[1] ?? 0, header))
  })

  test('takes the header in the same bytes as what follows', async () => {
    await using own = await wire({ auth: 'plain = true', c2s: PROXIED })
    const header =
      "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='bix.org' version='1.0'"
    const socket = await proxied(ports(own, 'c2s')[1] ?? 0, '')
    const client = new WireClient(socket)
    socket.write(`PROXY UNKNOWN\r\n<stream:stream ${header}>`)
    expect((await client.next()).name).toBe('features')
    client.close()
  })
})

describe('connections count when they are accepted', () => {
  test('direct TLS: half-open handshakes fill the limit of their address, and make room when they go', async () => {
    await using own = await wire({ rates: true, limits: 'connections_per_ip = 5' })
    const port = own.port('c2s-tls')
    const idle: Socket[] = []
    for (let i = 0; i < 5; i++) idle.push(await proxied(port, ''))
    await closes(await proxied(port, ''))
    idle[0]?.destroy()
    // The server hears of it in its own time.
    let client: WireClient | undefined
    while (!client) client = await direct(port).catch(() => undefined)
    client.close()
    for (const socket of idle) socket.destroy()
  })

  test('direct TLS behind a proxy: they count for the client', async () => {
    await using own = await wire({ rates: true, limits: 'connections_per_ip = 2', c2s: PROXIED })
    const port = ports(own, 'c2s-tls')[1] ?? 0
    const header = (ip: string) => `PROXY TCP4 ${ip} 127.0.0.1 1 2\r\n`
    const idle = [await proxied(port, header('203.0.113.9')), await proxied(port, header('203.0.113.9'))]
    await closes(await proxied(port, header('203.0.113.9')))
    ;(await proxiedTls(port, header('203.0.113.10'))).close()
    for (const socket of idle) socket.destroy()
  })

  test('all together: limits.connections', async () => {
    await using own = await wire({ limits: 'connections = 3' })
    const idle = [await proxied(own.port('c2s-tls'), ''), await proxied(own.port('c2s'), '')]
    idle.push(await proxied(own.port('c2s-tls'), ''))
    await closes(await proxied(own.port('c2s'), ''))
    await closes(await proxied(own.port('c2s-tls'), ''))
    for (const socket of idle) socket.destroy()
  })
})

describe('families of addresses', () => {
  test('two wildcards on one port are one listener for both families', async () => {
    const port = await freePort()
    await using own = await wire({
      c2s: `listen = ["0.0.0.0:${port}", "[::]:${port}"]\ndirect_tls_listen = []`,
    })
    await own.account('juliet@bix.org')
    for (const host of ['127.0.0.1', '::1']) {
      const client = new WireClient(connect(port, host))
      expect((await client.opens('bix.org')).name).toBe('features')
      client.close()
    }
  })

  test('one that the machine does not have is a warning where the other listens, else the end of the start', async () => {
    const lines: string[] = []
    startLogging({ level: 'warn', format: 'text', write: (line) => void lines.push(line) })
    await using own = await wire({
      c2s: 'listen = ["127.0.0.1:0", "[2001:db8::1]:0"]\ndirect_tls_listen = ["[2001:db8::1]:0", "127.0.0.1:0"]',
    })
    expect(own.server.addresses.filter(({ name }) => name.startsWith('c2s'))).toHaveLength(2)
    expect(lines.filter((line) => line.includes('cannot listen on [2001:db8::1]:0'))).toHaveLength(2)
    stopLogging()
    const alone = wire({ c2s: 'listen = ["[2001:db8::1]:0"]\ndirect_tls_listen = []' })
    expect(await alone.then(() => 'started', String)).toContain('this machine has no such address')
  })
})
