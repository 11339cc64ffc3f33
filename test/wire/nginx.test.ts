/** The README's lines for nginx, word for word, between a web client and the server. */
import { expect } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../src/store/clock.ts'
import { freePort } from '../support/ports.ts'
import { testWith } from '../support/programs.ts'
import { startLogging, stopLogging } from '../../src/log.ts'
import { secure, wire, WireClient } from './support.ts'
import { WebClient } from './web-support.ts'

const NGINX = '/usr/sbin/nginx'
const README = readFileSync(join(import.meta.dir, '../../README.md'), 'utf8')
const lines = /```nginx\n([^]*?)```/.exec(README)?.[1] ?? ''

/** RFC 6455 §5.2: the last fragment, opcode 9. */
const PING = 0x89
const STREAM = '/usr/lib/nginx/modules/ngx_stream_module.so'

/** Runs nginx with these lines; their files go to `directory`. */
function runNginx(directory: string, text: string): Bun.Subprocess<'ignore', 'inherit', 'pipe'> {
  const file = join(directory, 'nginx.conf')
  writeFileSync(file, `daemon off; pid ${directory}/pid; error_log stderr;\n${text}\nevents {}`)
  return Bun.spawn([NGINX, '-c', file, '-p', directory], { stderr: 'pipe' })
}

testWith([NGINX, STREAM])(
  'nginx’s stream module says by the PROXY protocol who comes, before STARTTLS and before TLS',
  async () => {
    const lines: string[] = []
    startLogging({ level: 'info', format: 'text', write: (line) => void lines.push(line) })
    await using own = await wire({
      auth: 'plain = true',
      c2s: `listen = ["127.0.0.1:0"]\ndirect_tls_listen = ["127.0.0.1:0"]\nproxy_protocol = true`,
    })
    await own.account('juliet@bix.org')
    const directory = mkdtempSync(join(tmpdir(), 'belfry-nginx-'))
    const doors = { c2s: await freePort(), 'c2s-tls': await freePort() }
    const servers = (['c2s', 'c2s-tls'] as const).map(
      (name) =>
        `server { listen 127.0.0.1:${doors[name]}; proxy_pass 127.0.0.1:${own.port(name)}; proxy_protocol on; }`,
    )
    const nginx = runNginx(directory, `load_module ${STREAM};\nstream { ${servers.join('\n')} }`)
    try {
      for (const [name, port] of Object.entries(doors)) {
        const from = name === 'c2s' ? '127.0.0.31' : '127.0.0.32'
        let socket: Socket | undefined
        while (!(socket = await reach(port, from)));
        const isDirect = name === 'c2s-tls'
        const client = new WireClient(isDirect ? await secure({ socket, servername: 'bix.org' }) : socket)
        await client.opens('bix.org')
        if (!isDirect) {
          await client.startTls()
          await client.opens('bix.org')
        }
        const sasl = 'urn:ietf:params:xml:ns:xmpp-sasl'
        client.send(`<auth xmlns='${sasl}' mechanism='PLAIN'>${btoa('\0juliet\0wrong')}</auth>`)
        expect((await client.next()).toString()).toContain('not-authorized')
        expect(lines.some((line) => line.includes(`event="a login failed" ip=${from} `))).toBe(true)
        client.close()
      }
    } finally {
      stopLogging()
      nginx.kill()
      await nginx.exited
      rmSync(directory, { recursive: true })
    }
  },
)

/** Time that passes twenty times as fast: what waits 20 s here waits one second of nginx's. */
const SPEED = 20
const fast: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now() * SPEED,
  after: (ms, fn) => systemClock.after(ms / SPEED, fn),
}

testWith([NGINX])(
  'a silent WebSocket outlives nginx’s proxy_read_timeout by the pings of the server',
  async () => {
    await using own = await wire({ limits: 'websocket_ping = "20s"\npreauth_timeout = "1h"', clock: fast })
    const directory = mkdtempSync(join(tmpdir(), 'belfry-nginx-'))
    const port = await freePort()
    const to = `proxy_pass http://127.0.0.1:${own.port('http')}; proxy_read_timeout 3s; proxy_http_version 1.1;`
    const upgrade = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;'
    const nginx = runNginx(
      directory,
      `http { access_log off; server { listen 127.0.0.1:${port}; location / { ${to} ${upgrade} proxy_set_header Host localhost; } } }`,
    )
    try {
      let socket: Socket | undefined
      while (!(socket = await reach(port, '127.0.0.1')));
      socket.write(
        'GET /xmpp-websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
          'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n',
      )
      const frames: number[] = []
      await new Promise<void>((resolve, reject) => {
        socket.on('close', () => reject(new Error(`closed after ${frames.join(' ')}`)))
        socket.on('data', (bytes: Buffer) => {
          // Opcodes of frames without content, behind the answer to the handshake.
          if (!bytes.toString('latin1').startsWith('HTTP')) frames.push(bytes[0] ?? 0)
          // Far more than its patience.
          if (frames.length === 8) resolve()
        })
      })
      expect(new Set(frames)).toEqual(new Set([PING]))
      socket.destroy()
    } finally {
      nginx.kill()
      await nginx.exited
      rmSync(directory, { recursive: true })
    }
  },
)

/** A connection from that address; undefined where nobody listens yet. */
const reach = (port: number, localAddress: string): Promise<Socket | undefined> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress })
    socket.once('connect', () => resolve(socket)).once('error', () => resolve(undefined))
  })

testWith([NGINX])(
  'nginx as in the README: WebSocket, BOSH, host-meta and invitations over its TLS',
  async () => {
    await using own = await wire({ auth: 'plain = true' })
    own.config.http.public_url = 'https://bix.org'
    await own.account('romeo@bix.org')
    const directory = mkdtempSync(join(tmpdir(), 'belfry-nginx-'))
    const port = await freePort()
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${directory}/${name};`)
      .join('\n')
    const nginx = runNginx(
      directory,
      `http { access_log off; ${temporary}
server { listen 127.0.0.1:${port} ssl; server_name bix.org;
ssl_certificate ${own.directory}/bix.org.crt; ssl_certificate_key ${own.directory}/bix.org.key;
${lines.replace(':5280', `:${own.port('http')}`)} } }`,
    )
    try {
      const base = `https://127.0.0.1:${port}`
      const ask = (path: string, init: BunFetchRequestInit = {}) =>
        fetch(base + path, {
          ...init,
          headers: { host: 'bix.org', origin: 'https://bix.org' },
          tls: { rejectUnauthorized: false },
        })
      while (!(await ask('/http-bind').catch(() => undefined)));
      expect(await (await ask('/.well-known/host-meta.json')).json()).toMatchObject({
        links: [{ href: 'wss://bix.org/xmpp-websocket' }, { href: 'https://bix.org/http-bind' }],
      })
      const made = await (await own.ask('POST', '/v1/invites', {})).text()
      const page = /"url":"https:\/\/bix\.org(\/invite\/\w+)"/.exec(made)?.[1] ?? made
      expect(await (await ask(page)).text()).toContain('You are invited')
      const form = new URLSearchParams({ name: 'balthasar', password: 'swear not by the moon' })
      expect((await ask(page, { method: 'POST', body: form })).status).toBe(201)
      const body = `<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='bix.org' wait='1' hold='1'/>`
      expect(await (await ask('/http-bind', { method: 'POST', body })).text()).toContain('<mechanism>PLAIN')
      const client = await WebClient.connect(port, { scheme: 'wss', headers: { host: 'bix.org' } })
      await client.logsIn('romeo')
      client.close()
    } finally {
      nginx.kill()
      await nginx.exited
      rmSync(directory, { recursive: true })
    }
  },
)
