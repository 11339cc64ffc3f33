/** The simulator judged by clients that nobody here wrote, and the transport by a server that nobody here wrote. */
import { afterEach, describe, expect } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSelfSigned } from '../../src/self-signed.ts'
import { deviceToken, KEY_ID, P8, request, senderTo, startApple, TEAM, TOPIC } from '../support/apns.ts'
import { testWith } from '../support/programs.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-peers-'))
  cleanups.push(() => rmSync(dir, { recursive: true }))
  return dir
}

async function run(argv: string[]): Promise<string> {
  const child = Bun.spawn(argv, {
    stdout: 'pipe',
    stderr: 'pipe',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  if ((await child.exited) !== 0) throw new Error(`${argv[0]}: ${err || out}`)
  return out
}

/** aioapns speaks TLS to Apple's two names only; here the name stays and the address and trust change. */
const AIOAPNS = `
import asyncio, json, ssl, sys
from aioapns import APNs, NotificationRequest, PushType
from aioapns import connection
port, key, ca, team, kid, topic = sys.argv[1:7]
async def main():
    connection.APNsBaseConnectionPool.APNS_SERVER = None
    client = APNs(key=key, key_id=kid, team_id=team, topic=topic, use_sandbox=False)
    pool = client.pool
    pool.protocol_class = type('P', (pool.protocol_class,), {'APNS_SERVER': 'localhost', 'APNS_PORT': int(port)})
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(['h2'])
    pool.ssl_context = context
    def push(token, **more):
        return NotificationRequest(device_token=token, message=more.pop('message', {'aps': {'alert': 'from python'}}), **more)
    pushes = [
        push('ab' * 32),
        push('ab' * 32, push_type=PushType.BACKGROUND, priority=5, collapse_key='chat'),
        push('zz'),
        push('ab' * 32, collapse_key='x' * 65),
        push('ab' * 32, priority=7),
        push('ab' * 32, notification_id='not-a-uuid'),
        push('ab' * 32, message={'aps': {'alert': 'x' * 5000}}),
        push('cd' * 32),
    ]
    out = []
    for p in pushes:
        r = await client.send_notification(p)
        out.append([int(r.status), r.description, r.notification_id == p.notification_id])
    print(json.dumps(out))
asyncio.run(main())
`

const PYTHON = '/usr/bin/python3'

describe('the simulator', () => {
  testWith([PYTHON, '/usr/lib/python3/dist-packages/aioapns/__init__.py'])(
    'answers aioapns as Apple would',
    async () => {
      const sim = await startApple()
      cleanups.push(() => sim.close())
      const dir = folder()
      writeFileSync(join(dir, 'key.p8'), P8)
      writeFileSync(join(dir, 'ca.pem'), sim.ca)
      sim.script({
        token: 'cd'.repeat(32),
        status: 410,
        reason: 'Unregistered',
        timestamp: 1_700_000_000_000,
      })
      const args = [new URL(sim.url).port, join(dir, 'key.p8'), join(dir, 'ca.pem'), TEAM, KEY_ID, TOPIC]
      const results = JSON.parse(await run([PYTHON, '-W', 'ignore', '-c', AIOAPNS, ...args])) as unknown
      expect(results).toEqual([
        [200, null, true],
        [200, null, true],
        [400, 'BadDeviceToken', true],
        [400, 'BadCollapseId', true],
        [400, 'BadPriority', true],
        [400, 'BadMessageId', true],
        [413, 'PayloadTooLarge', true],
        [410, 'Unregistered', true],
      ])
      expect(sim.received[0]?.payload).toEqual({ aps: { alert: 'from python' } })
    },
  )

  testWith(['/usr/bin/h2load'])('serves h2load 20,000 pushes over 4 connections', async () => {
    const sim = await startApple({ publicKey: undefined, keep: 10 })
    cleanups.push(() => sim.close())
    const dir = folder()
    const body = join(dir, 'payload.json')
    writeFileSync(body, JSON.stringify(request(1).payload))
    // Any sender's token will do: take one from our own.
    const own = senderTo(sim)
    await own.send(request(1))
    await own.stop(100)
    const authorization = sim.received[0]?.headers.authorization ?? ''
    const headers = { 'apns-topic': TOPIC, 'apns-push-type': 'alert', authorization }
    const out = await run([
      ...['/usr/bin/h2load', '-n', '20000', '-c', '4', '-m', '1', '-d', body],
      ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
      `${sim.url}/3/device/${deviceToken(1)}`,
    ])
    expect(out).toContain('20000 succeeded, 0 failed, 0 errored')
    expect(out).toContain('20000 2xx')
  })
})

async function freePort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve())
  })
  const address = server.address()
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
  return typeof address === 'object' && address ? address.port : 0
}

/** Resolves when the port answers. */
async function listening(port: number): Promise<void> {
  for (;;) {
    const ok = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => {
        socket.destroy()
        resolve(true)
      })
      socket.on('error', () => resolve(false))
    })
    if (ok) return
  }
}

async function nginx(directives: string): Promise<{ url: string; ca: string; ids: () => string[] }> {
  const dir = folder()
  const port = await freePort()
  const tls = createSelfSigned(['127.0.0.1'], Date.now())
  writeFileSync(join(dir, 'cert.pem'), tls.cert)
  writeFileSync(join(dir, 'key.pem'), tls.key)
  writeFileSync(
    join(dir, 'nginx.conf'),
    `daemon off; master_process off; pid ${dir}/pid; error_log ${dir}/error.log;
     events { worker_connections 256; }
     http {
       log_format id '$http_apns_id $status'; access_log ${dir}/access.log id;
       client_body_temp_path ${dir}; proxy_temp_path ${dir}; fastcgi_temp_path ${dir};
       uwsgi_temp_path ${dir}; scgi_temp_path ${dir};
       server {
         listen 127.0.0.1:${port} ssl http2;
         ssl_certificate ${dir}/cert.pem; ssl_certificate_key ${dir}/key.pem;
         ${directives}
         location / { return 200; }
       }
     }`,
  )
  const child = Bun.spawn(
    ['/usr/sbin/nginx', '-e', `${dir}/error.log`, '-p', dir, '-c', `${dir}/nginx.conf`],
    {
      stdout: 'ignore',
      stderr: 'ignore',
    },
  )
  cleanups.push(async () => {
    child.kill()
    await child.exited
  })
  await listening(port)
  const ids = () => readFileSync(join(dir, 'access.log'), 'utf8').trim().split('\n')
  return { url: `https://127.0.0.1:${port}`, ca: tls.cert, ids }
}

describe('the transport against nginx', () => {
  const withNginx = testWith(['/usr/sbin/nginx'])

  withNginx('loses nothing when a GOAWAY comes every 100 requests', async () => {
    const server = await nginx('keepalive_requests 100; http2_max_concurrent_streams 64;')
    const causes: unknown[] = []
    const sender = senderTo(server, { log: (_event, fields) => void causes.push(fields.cause) })
    cleanups.push(() => sender.stop(0))
    const count = 3_000
    const verdicts = await Promise.all(Array.from({ length: count }, (_, i) => sender.send(request(i))))
    expect([...new Set(verdicts.map((v) => `${v.outcome} ${v.status}`))]).toEqual(['accepted 200'])
    await sender.stop(1_000)
    const seen = new Set(server.ids().map((line) => line.split(' ')[0]))
    // Sent again or not, each push keeps the id it was given.
    expect(seen.size).toBe(count)
    expect(causes.filter((cause) => String(cause).startsWith('GOAWAY')).length).toBeGreaterThanOrEqual(29)
  })

  withNginx('keeps one connection for 10,000 pushes', async () => {
    const server = await nginx('keepalive_requests 1000000; http2_max_concurrent_streams 1000;')
    const left: unknown[] = []
    const sender = senderTo(server, {
      log: (event, fields) => void (event === 'connection left' && left.push(fields)),
    })
    cleanups.push(() => sender.stop(0))
    for (let part = 0; part < 10; part++) {
      const verdicts = await Promise.all(Array.from({ length: 1_000 }, (_, i) => sender.send(request(i))))
      expect(verdicts.every((verdict) => verdict.status === 200)).toBe(true)
    }
    expect(left).toEqual([])
  })

  withNginx('keeps within a small stream limit', async () => {
    const server = await nginx('http2_max_concurrent_streams 3;')
    const sender = senderTo(server)
    cleanups.push(() => sender.stop(0))
    const verdicts = await Promise.all(Array.from({ length: 500 }, (_, i) => sender.send(request(i))))
    expect(verdicts.every((verdict) => verdict.status === 200)).toBe(true)
    expect(server.ids()).toHaveLength(500)
  })
})

/** Node's HTTP/2: resets the second stream as refused, answers the others, and tells how many it saw. */
const REFUSING = `
const http2 = require('node:http2'), fs = require('node:fs')
const [cert, key] = process.argv.slice(1, 3).map((file) => fs.readFileSync(file))
let seen = 0
const server = http2.createSecureServer({ cert, key })
server.on('stream', (stream, headers) => {
  console.log(headers['apns-id'])
  stream.on('error', () => {})
  if (++seen === 2) return stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)
  stream.resume().on('end', () => { stream.respond({ ':status': 200 }); stream.end() })
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
`

describe('Node, as a server', () => {
  const node = Bun.which('node') ?? '/usr/bin/node'

  // A server on Bun cannot show this: its resets arrive without their code.
  testWith([node])(
    'REFUSED_STREAM was surely not processed: sent again unseen, with the same ids',
    async () => {
      const dir = folder()
      const tls = createSelfSigned(['127.0.0.1'], Date.now())
      const [cert, key] = [join(dir, 'a.crt'), join(dir, 'a.key')]
      writeFileSync(cert, tls.cert)
      writeFileSync(key, tls.key)
      const child = Bun.spawn([node, '-e', REFUSING, cert, key], { stdout: 'pipe' })
      cleanups.push(() => child.kill())
      const lines: string[] = []
      const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader()
      const hears = async (n: number): Promise<void> => {
        while (lines.length < n)
          lines.push(...((await reader.read()).value ?? '').split('\n').filter(Boolean))
      }
      await hears(1)
      const from = senderTo({ url: `https://127.0.0.1:${lines[0]}`, ca: tls.cert })
      cleanups.push(() => from.stop(0))
      for (let i = 0; i < 3; i++) expect((await from.send(request(i))).outcome).toBe('accepted')
      await hears(5)
      expect(lines.slice(1)).toEqual([0, 1, 1, 2].map((i) => request(i).apnsId))
    },
  )
})
