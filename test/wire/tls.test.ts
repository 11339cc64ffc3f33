/** TLS on real sockets, by STARTTLS and from the first byte: who is shown which certificate, and what is refused. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { X509Certificate } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { loadConfig } from '../../src/config/config.ts'
import { createSelfSigned } from '../../src/self-signed.ts'
import { FakeClock } from '../support/clock.ts'
import { secure, type Wire, wire, WireClient } from './support.ts'

let shared: Wire
beforeAll(async () => {
  shared = await wire({ limits: 'tls_handshake_timeout = "300ms"' })
  for (const jid of ['romeo@bix.org', 'romeo@other.example']) await shared.account(jid)
})
afterAll(() => shared[Symbol.asyncDispose]())

async function startTls(on: Wire, to: string, options: ConnectionOptions = {}): Promise<WireClient> {
  const client = await WireClient.tcp(on.port('c2s'))
  await client.opens(to)
  await client.startTls(options)
  return client
}

const direct = (on: Wire, servername?: string, options: ConnectionOptions = {}): Promise<WireClient> =>
  WireClient.direct(on.port('c2s-tls'), { ...(servername ? { servername } : {}), ...options })

const nameOf = (raw: Buffer): string => new X509Certificate(raw).subject.replace('CN=', '')
const serialOf = (raw: Buffer | string): string => new X509Certificate(raw).serialNumber

async function shown(client: Promise<WireClient>): Promise<string> {
  const connected = await client
  const name = nameOf(connected.certificate)
  connected.close()
  return name
}

/** "refused" or the protocol that was agreed on. */
async function agreed(client: Promise<WireClient>): Promise<string> {
  try {
    const { socket } = await client
    const protocol = 'getProtocol' in socket ? String(socket.getProtocol()) : 'none'
    socket.destroy()
    return protocol
  } catch {
    return 'refused'
  }
}

/** A login of openssl, which goes on only where the server has written: a ticket of TLS 1.3 comes with that. */
async function shook(door: readonly string[], version: string, session: readonly string[]): Promise<string> {
  const client = Bun.spawn(['openssl', 's_client', ...door, `-${version}`, ...session], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'ignore',
  })
  await client.stdin.write(
    `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='bix.org' version='1.0'>`,
  )
  let text = ''
  for await (const part of client.stdout.pipeThrough(new TextDecoderStream())) {
    text += part
    if (text.includes('<mechanism>')) await client.stdin.end()
  }
  return /^(New|Reused), /m.exec(text)?.[1] ?? text
}

describe('RFC 8446 §2.2: a client that comes again needs no certificate', () => {
  for (const version of ['tls1_2', 'tls1_3'])
    for (const way of ['STARTTLS', 'direct TLS'])
      test(`by ${way}, ${version}`, async () => {
        const door =
          way === 'STARTTLS'
            ? ['-connect', `127.0.0.1:${shared.port('c2s')}`, '-starttls', 'xmpp', '-xmpphost', 'bix.org']
            : ['-connect', `127.0.0.1:${shared.port('c2s-tls')}`, '-servername', 'bix.org']
        const file = join(mkdtempSync(join(tmpdir(), 'belfry-ticket-')), 'session.pem')
        expect(await shook(door, version, ['-sess_out', file])).toBe('New')
        expect(await shook(door, version, ['-sess_in', file])).toBe('Reused')
        rmSync(dirname(file), { recursive: true })
      })
})

describe('each host has its own certificate', () => {
  test('STARTTLS by the stream’s `to`', async () => {
    expect(await shown(startTls(shared, 'bix.org'))).toBe('bix.org')
    expect(await shown(startTls(shared, 'other.example'))).toBe('other.example')
  })

  test('case 30: direct TLS and HTTPS by SNI; the first host’s without one', async () => {
    expect(await shown(direct(shared, 'other.example'))).toBe('other.example')
    expect(await shown(direct(shared, 'bix.org'))).toBe('bix.org')
    expect(await shown(direct(shared, 'nobody.example'))).toBe('bix.org')
    expect(await shown(direct(shared))).toBe('bix.org')
    for (const name of ['127.0.0.1', '[::1]', 'x'.repeat(255), 'a.'.repeat(120), 'bix.org.', '*'])
      expect(await agreed(direct(shared, name))).toBeOneOf(['TLSv1.3', 'refused'])
    expect(await shown(direct(shared, 'bix.org'))).toBe('bix.org')
    for (const host of ['bix.org', 'other.example']) {
      const socket = await secure({ host: '127.0.0.1', port: shared.port('https'), servername: host })
      expect(nameOf(socket.getPeerCertificate(true).raw)).toBe(host)
      socket.destroy()
    }
  })
})

describe('what is agreed on', () => {
  test('XEP-0368 §3, case 31: xmpp-client is answered, none is accepted, h2 is refused', async () => {
    const alpn = async (...names: string[]) => {
      const { socket } = await direct(shared, 'bix.org', { ALPNProtocols: names })
      socket.destroy()
      return 'alpnProtocol' in socket ? socket.alpnProtocol : undefined
    }
    expect(await alpn('xmpp-client')).toBe('xmpp-client')
    expect(await alpn('h2', 'xmpp-client')).toBe('xmpp-client')
    expect(await alpn()).toBe(false)
    expect(await agreed(direct(shared, 'bix.org', { ALPNProtocols: ['h2'] }))).toBe('refused')
  })

  test.each([
    ['TLSv1.3', 'TLSv1.3'],
    ['TLSv1.2', 'TLSv1.2'],
    ['TLSv1.1', 'refused'],
    ['TLSv1', 'refused'],
  ] as const)('case 29: %s is %s on every door', async (maxVersion, result) => {
    const options: ConnectionOptions = { minVersion: 'TLSv1', maxVersion }
    expect(await agreed(direct(shared, 'bix.org', options))).toBe(result)
    expect(await agreed(startTls(shared, 'bix.org', options))).toBe(result)
    const https = { host: '127.0.0.1', port: shared.port('https'), ...options }
    expect(await agreed(secure(https).then((socket) => new WireClient(socket)))).toBe(result)
  })
})

/** What openssl reports of one connection, until this was read; `input` is typed when the handshake is over. */
async function openssl(port: number, options: string, input = '', until = /Verify return code/) {
  const args = ['s_client', '-connect', `127.0.0.1:${port}`, '-alpn', 'xmpp-client', ...options.split(' ')]
  const child = Bun.spawn(['openssl', ...args], { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' })
  void child.stdin.write(input)
  let text = ''
  const read = async (stream: ReadableStream<Uint8Array>) => {
    for await (const chunk of stream) {
      text += Buffer.from(chunk).toString()
      if (until.test(text)) void child.stdin.end()
    }
  }
  void child.stdin.flush()
  await Promise.all([read(child.stdout), read(child.stderr), child.exited])
  return text
}

const cipherOf = (text: string): string | undefined => /Cipher is (\S+)/.exec(text)?.[1]

describe('what TLS 1.2 would still allow', () => {
  test.each([
    ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ['ECDHE-ECDSA-AES128-SHA', '(NONE)'],
    ['ECDHE-ECDSA-AES256-SHA', '(NONE)'],
    ['ECDHE-ECDSA-AES256-SHA384', '(NONE)'],
    ['AES128-GCM-SHA256', '(NONE)'],
    ['ECDHE-ECDSA-NULL-SHA', '(NONE)'],
    ['AECDH-AES128-SHA', '(NONE)'],
  ])('RFC 9325 §4.2.1, case 29: %s gets %s on every door', async (cipher, agreed) => {
    const old = `-tls1_2 -cipher ${cipher}:@SECLEVEL=0`
    expect(cipherOf(await openssl(shared.port('c2s-tls'), old))).toBe(agreed)
    expect(cipherOf(await openssl(shared.port('c2s'), `${old} -starttls xmpp -xmpphost bix.org`))).toBe(
      agreed,
    )
    expect(cipherOf(await openssl(shared.port('https'), old))).toBe(agreed)
  })

  test.each([
    ['ECDHE-ECDSA-AES256-SHA', 'ECDHE-ECDSA-AES256-SHA'],
    ['ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES128-SHA'],
    ['ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ['ECDHE-ECDSA-AES128-SHA256', 'ECDHE-ECDSA-AES128-SHA256'],
    ['AES128-SHA', '(NONE)'],
  ])('tls.compat = "old": %s gets %s on every door, also after a reload', async (cipher, agreed) => {
    await using own = await wire({ tls: 'compat = "old"' })
    // What is weaker is named whenever the file is read.
    const next = loadConfig({ file: own.config.source.file, checkFiles: true })
    expect(next.source.warnings.join()).toContain('tls.compat')
    const old = `-tls1_2 -cipher ${cipher}:@SECLEVEL=0`
    for (const reload of [false, true]) {
      if (reload) await own.server.reload(next)
      expect(cipherOf(await openssl(own.port('c2s-tls'), `${old} -servername other.example`))).toBe(agreed)
      expect(cipherOf(await openssl(own.port('c2s-tls'), old))).toBe(agreed)
      expect(cipherOf(await openssl(own.port('c2s'), `${old} -starttls xmpp -xmpphost bix.org`))).toBe(agreed)
      expect(cipherOf(await openssl(own.port('https'), old))).toBe(agreed)
    }
  })

  test.each([
    // The runtime has it not; whoever offers it offers one of the others.
    ['ECDHE-RSA-AES256-SHA384', '(NONE)'],
    ['ECDHE-RSA-AES128-SHA256', 'ECDHE-RSA-AES128-SHA256'],
    ['ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES256-SHA', 'ECDHE-RSA-AES256-SHA'],
    ['ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-SHA256', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ['ECDHE-RSA-AES256-SHA', 'ECDHE-RSA-AES256-SHA'],
    ['ECDHE-RSA-AES128-SHA', 'ECDHE-RSA-AES128-SHA'],
    ['AES128-SHA256', '(NONE)'],
    ['DHE-RSA-AES128-SHA', '(NONE)'],
  ])('tls.compat = "old" with an RSA certificate: %s gets %s on every door', async (cipher, agreed) => {
    const prepare = (directory: string): void => {
      const to = ['-keyout', `${directory}/bix.org.key`, '-out', `${directory}/bix.org.crt`]
      const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '9', '-subj', '/CN=bix.org']
      const names = ['-addext', 'subjectAltName=DNS:bix.org']
      expect(Bun.spawnSync(['openssl', ...made, ...names, ...to]).exitCode).toBe(0)
      chmodSync(`${directory}/bix.org.key`, 0o600)
    }
    await using own = await wire({ tls: 'compat = "old"', prepare })
    const old = `-tls1_2 -cipher ${cipher}:@SECLEVEL=0 -servername bix.org`
    expect(cipherOf(await openssl(own.port('c2s-tls'), old))).toBe(agreed)
    expect(cipherOf(await openssl(own.port('c2s'), `${old} -starttls xmpp -xmpphost bix.org`))).toBe(agreed)
    expect(cipherOf(await openssl(own.port('https'), old))).toBe(agreed)
  })

  test('case 29: no compression, and nobody negotiates anew', async () => {
    const text = await openssl(shared.port('c2s-tls'), '-tls1_2', 'R\n', /alert/)
    expect(text).toContain('Compression: NONE')
    expect(text).toContain('alert no renegotiation')
  })

  test('tls.min = "1.3" holds on every door', async () => {
    await using own = await wire({ tls: 'min = "1.3"' })
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const options: ConnectionOptions = { maxVersion }
      const result = maxVersion === 'TLSv1.3' ? maxVersion : 'refused'
      expect(await agreed(direct(own, 'bix.org', options))).toBe(result)
      expect(await agreed(startTls(own, 'bix.org', options))).toBe(result)
      const https = { host: '127.0.0.1', port: own.port('https'), ...options }
      expect(await agreed(secure(https).then((socket) => new WireClient(socket)))).toBe(result)
    }
  })
})

describe('what a client brings along', () => {
  test('XEP-0388 §4, case 32: nobody may send data before the handshake is over', async () => {
    // A ticket comes with the first words of the server, if at all, and says how much may be sent early.
    const header = `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='bix.org'>\n`
    for (const [port, input] of [
      ['c2s-tls', header],
      ['https', 'GET /livez HTTP/1.1\r\nHost: bix.org\r\n\r\n'],
    ] as const) {
      const text = await openssl(shared.port(port), '-tls1_3', input, /stream:features|200 OK/)
      expect(text.match(/Max Early Data: [1-9]/)).toBeNull()
    }
  })

  test('case 33: nobody is asked for a certificate, and one that is brought proves nothing', async () => {
    const pair = createSelfSigned(['romeo@bix.org'], Date.now())
    for (const client of [await direct(shared, 'bix.org', pair), await startTls(shared, 'bix.org', pair)]) {
      const features = await client.opens('bix.org')
      expect(features.toString()).not.toContain('EXTERNAL')
      client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>`)
      expect((await client.next()).toString()).toContain('invalid-mechanism')
      client.close()
    }
  })

  test('case 31: HTTP inside TLS is no stream, and a stream no request', async () => {
    const http = await direct(shared, 'bix.org')
    http.send('GET / HTTP/1.1\r\nHost: bix.org\r\n\r\n')
    await http.end()
    expect(http.text).toContain('not-well-formed')
    const socket = await secure({ host: '127.0.0.1', port: shared.port('https') })
    let answer = ''
    socket.on('data', (bytes: Buffer) => (answer += bytes.toString()))
    socket.write(`<?xml version='1.0'?><stream:stream to='bix.org'>\r\n\r\n`)
    await new Promise((resolve) => socket.once('close', resolve))
    expect(answer).toMatch(/^(HTTP\/1.1 400 |$)/)
  })
})

describe('channel binding: both ends have the same bytes', () => {
  const doors = [
    ['STARTTLS', (host: string) => startTls(shared, host)],
    ['direct TLS', (host: string) => direct(shared, host)],
  ] as const
  for (const [door, open] of doors) {
    for (const type of ['tls-exporter', 'tls-server-end-point'] as const) {
      test.each(['bix.org', 'other.example'])(`${door}, ${type}, %s`, async (host) => {
        const client = await open(host)
        await client.opens(host)
        expect((await client.scram('romeo', { type, data: client.binding(type) })).name).toBe('success')
        client.close()
      })

      test(`${door}, ${type}: bytes of another connection are refused`, async () => {
        const other = await open('bix.org')
        const client = await open(type === 'tls-exporter' ? 'bix.org' : 'other.example')
        await client.opens(type === 'tls-exporter' ? 'bix.org' : 'other.example')
        const end = await client.scram('romeo', { type, data: other.binding(type) })
        expect(end.toString()).toContain('not-authorized')
        for (const each of [other, client]) each.close()
      })
    }
  }
})

describe('a new certificate', () => {
  test('after a reload every door shows it, and who is connected stays', async () => {
    await using own = await wire()
    await own.account('romeo@bix.org')
    const stays = [await startTls(own, 'bix.org'), await direct(own, 'bix.org')]
    for (const [i, client] of stays.entries()) await client.logsIn('romeo@bix.org', `r${i}`)
    const fresh = ['bix.org', 'other.example'].map((host) => serialOf(own.renew(host)))
    await own.server.reload(loadConfig({ file: own.config.source.file, checkFiles: true }))

    for (const client of stays) await client.ping()
    const clients = [
      await startTls(own, 'bix.org'),
      await startTls(own, 'other.example'),
      await direct(own),
      await direct(own, 'other.example'),
    ]
    const https = await Promise.all(
      ['bix.org', 'other.example'].map((servername) =>
        secure({ host: '127.0.0.1', port: own.port('https'), servername }),
      ),
    )
    expect([
      ...clients.map((client) => serialOf(client.certificate)),
      ...https.map((socket) => serialOf(socket.getPeerCertificate(true).raw)),
    ]).toEqual([...fresh, ...fresh, ...fresh])
    for (const socket of [...clients, ...stays].map(({ socket: each }) => each)) socket.destroy()
    for (const socket of https) socket.destroy()
  })

  test('a broken file changes nothing', async () => {
    await using own = await wire()
    const before = serialOf((await direct(own)).certificate)
    own.renew('bix.org')
    await Bun.write(`${own.directory}/other.example.key`, 'damaged')
    const next = loadConfig({ file: own.config.source.file, checkFiles: true })
    expect(await own.server.reload(next).catch((error: Error) => error.message)).toContain(
      'other.example.key holds no private key',
    )
    expect(serialOf((await direct(own)).certificate)).toBe(before)
  })

  test('files that change on disk are taken without being asked, within a minute', async () => {
    const clock = new FakeClock(Date.now())
    await using own = await wire({ clock })
    const fresh = serialOf(own.renew('bix.org'))
    clock.advance(61_000)
    const see = async () => serialOf((await direct(own)).certificate)
    for (let tries = 0; tries < 50 && (await see()) !== fresh; tries++);
    expect(await see()).toBe(fresh)
  })
})

describe('bad input', () => {
  test('case 26: what came in the clear behind <starttls/> is not taken for part of the encrypted stream', async () => {
    const client = await WireClient.tcp(shared.port('c2s'))
    await client.opens('bix.org')
    client.send(
      `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><iq type='get' id='evil'><ping xmlns='urn:xmpp:ping'/></iq>`,
    )
    await client.end()
    expect(client.text).toContain('policy-violation')
    expect(client.text).not.toContain('evil')
  })

  test('case 22: a handshake that stops half-way is cut off', async () => {
    const silent = await WireClient.tcp(shared.port('c2s-tls'))
    const half = await WireClient.tcp(shared.port('c2s-tls'))
    half.send(Buffer.from('160301020001000', 'hex'))
    const upgraded = await WireClient.tcp(shared.port('c2s'))
    await upgraded.opens('bix.org')
    upgraded.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`)
    expect((await upgraded.next()).name).toBe('proceed')
    upgraded.send(Buffer.from('160301020001', 'hex'))
    await Promise.all([silent.end(), half.end(), upgraded.end()])
  })

  const garbage: [string, string][] = [
    ['HTTP', 'GET / HTTP/1.1\r\nHost: bix.org\r\n\r\n'],
    ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['a TLS alert', '\x15\x03\x01\x00\x02\x02\x28'],
    ['zeroes', '\0'.repeat(4096)],
    [
      'random bytes',
      Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 193 + 7) & 255)).toString('latin1'),
    ],
  ]
  for (const port of ['c2s', 'c2s-tls'] as const) {
    test.each(garbage)(`case 24: %s on ${port} ends that connection and no other`, async (_name, bytes) => {
      const socket = connect(shared.port(port), '127.0.0.1')
      socket.on('error', () => undefined)
      // Read and thrown away: whatever it is, the connection must end.
      socket.on('data', () => undefined)
      socket.write(Buffer.from(bytes, 'latin1'))
      await new Promise((resolve) => socket.once('close', resolve))
      const client = await direct(shared, 'bix.org')
      await client.logsIn('romeo@bix.org')
      await client.ping()
      client.close()
    })
  }

  test('case 25: clients that reset in the middle of everything leave nothing behind', async () => {
    for (let i = 0; i < 20; i++) {
      const client = await WireClient.tcp(shared.port(i % 2 ? 'c2s' : 'c2s-tls'))
      if (i % 2) await client.opens('bix.org')
      client.send(i % 2 ? `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>` : '\x16\x03\x01')
      client.socket.resetAndDestroy()
    }
    const client = await direct(shared, 'bix.org')
    await client.logsIn('romeo@bix.org')
    await client.ping()
    client.close()
  })
})
