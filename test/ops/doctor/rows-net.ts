import { generateKeyPairSync } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import type { ListenAddress } from '../../../src/config/values.ts'
import { createSelfSigned } from '../../../src/self-signed.ts'
import { freePort } from '../../support/ports.ts'
import { DAY, NOW, type Row, row, type Trial } from './trial.ts'

const probed = {
  topic: 'org.bix.chat',
  environment: 'production',
  sign_in: 'key',
  status: 400,
  ms: 1,
  certificate_ends: null,
}
const good = {
  ...probed,
  result: 'ok' as const,
  reason: 'BadDeviceToken',
  meaning: 'accepted',
  clock_offset_seconds: 0,
}
const lane = { lane: 'apns', waiting: 0, under_way: 0, paused: null, until: null }
const live = (t: Trial, change: Partial<Trial['live']>): void => void Object.assign(t.live ?? {}, change)

function withApp(t: Trial, change: object = {}): void {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key_file = t.put(
    join(t.dir, 'AuthKey.p8'),
    privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    0o640,
  )
  Object.assign(t.config.push, {
    apps: [
      {
        topic: 'org.bix.chat',
        environment: 'production',
        team_id: 'TEAM123456',
        key_id: 'KEY1234567',
        aliases: [],
        key_file,
        ...change,
      },
    ],
  })
}

async function listening(t: Trial, server: Server): Promise<ListenAddress> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.closing.push(() => new Promise((resolve) => server.close(resolve)))
  const bound = server.address()
  return { host: '127.0.0.1', port: typeof bound === 'object' && bound ? bound.port : 0 }
}

/** A listener that says these stream features. */
const features = (text: string): Server =>
  createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.write(`<stream:stream><stream:features>${text}</stream:features>`))
  })

const handsOut = (pems: { cert: string; key: string }): Server =>
  createTlsServer(pems, (socket) => {
    socket.on('error', () => {})
  })

/** The certificate of `names` under the issuer of another: what a chain with a gap looks like. */
const twoOf = (t: Trial, other: string): void =>
  writeFileSync(t.pair().cert, `${createSelfSigned(['bix.org'], NOW).cert}${other}`)

const PUBLIC = '198.51.100.7'
const own = (): string =>
  Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find(({ family }) => family === 'IPv4')?.address ?? '127.0.0.1'

/** Everything that DNS should have. */
const RECORDS = {
  'bix.org A': [own()],
  '_xmpp-client._tcp.bix.org SRV': ['5 0 5222 chat.bix.org'],
  '_xmpps-client._tcp.bix.org SRV': ['5 0 5223 chat.bix.org'],
  'chat.bix.org A': [own()],
}
const dns = (id: string, status: Row['status'], why: string, change: Record<string, string[]> = {}): Row =>
  row(id, status, why, (t) => t.dns({ ...RECORDS, ...change }))

export const NET_ROWS: readonly Row[] = [
  row('tls.files', 'ok', 'cert.pem', (t) => void t.pair()),
  row('tls.files', 'fail', 'ENOENT', (t) => rmSync(t.pair().cert)),
  row('tls.files', 'fail', 'no PEM', (t) => writeFileSync(t.pair().cert, 'nonsense')),
  row('tls.files', 'skip', 'none yet'),
  row('tls.key', 'ok', 'belongs', (t) => void t.pair()),
  row('tls.key', 'fail', 'is not the key', (t) =>
    writeFileSync(t.pair().key, createSelfSigned(['x.org'], NOW).key),
  ),
  row('tls.key', 'fail', 'key.pem', (t) => writeFileSync(t.pair().key, 'nonsense')),
  row('tls.key_mode', 'ok', 'group', (t) => void t.pair()),
  row('tls.key_mode', 'warn', '660', (t) => void Bun.spawnSync(['chmod', '660', t.pair().key])),
  row('tls.key_mode', 'fail', '644', (t) => void Bun.spawnSync(['chmod', '644', t.pair().key])),
  row('tls.days', 'ok', '824 days left', (t) => void t.pair()),
  row('tls.days', 'warn', '15 days left', (t) => void t.pair(['bix.org'], NOW - 809 * DAY)),
  row('tls.days', 'fail', '4 days left', (t) => void t.pair(['bix.org'], NOW - 820 * DAY)),
  row('tls.days', 'warn', '15 days left', (t) => t.fetched(NOW - 809 * DAY)),
  row('tls.days', 'fail', 'ended', (t) => void t.pair(['bix.org'], NOW - 900 * DAY)),
  row('tls.begun', 'ok', 'already', (t) => void t.pair()),
  row('tls.begun', 'fail', 'begins', (t) => void t.pair(['bix.org'], NOW + 9 * DAY)),
  row('tls.names', 'ok', 'bix.org', (t) => void t.pair()),
  row('tls.names', 'fail', 'no certificate names bix.org', (t) => void t.pair(['chat.bix.org'])),
  row('tls.names', 'ok', 'bücher.example', (t) => {
    t.config.hosts = ['bücher.example']
    t.pair(['xn--bcher-kva.example'])
  }),
  row('tls.web_name', 'skip', 'proxy', (t) => void t.pair()),
  row('tls.web_name', 'ok', 'bix.org', (t) => withWeb(t, 'https://bix.org')),
  row('tls.web_name', 'warn', 'www.bix.org', (t) => withWeb(t, 'https://www.bix.org')),
  row('tls.chain', 'ok', 'whole', (t) => void t.pair()),
  row('tls.chain', 'warn', '2. certificate', (t) => twoOf(t, createSelfSigned(['other.org'], NOW).cert)),
  row('tls.authority', 'warn', 'signed by itself', (t) => void t.pair()),
  row('tls.authority', 'ok', 'somebody else', (t) => issued(t, 90)),
  row('tls.chain', 'warn', 'of its issuer', (t) => issued(t, 90)),
  row('tls.strength', 'ok', 'phones', (t) => void t.pair()),
  row('tls.strength', 'fail', '1024 bits', (t) => issued(t, 90, '1024')),
  row('tls.lifetime', 'ok', 'accept', (t) => void t.pair()),
  row('tls.lifetime', 'warn', '900 days', (t) => issued(t, 900)),
  row('tls.served', 'ok', 'hands out', async (t) => {
    t.pair()
    const pems = {
      cert: await Bun.file(t.config.tls.cert ?? '').text(),
      key: await Bun.file(t.config.tls.key ?? '').text(),
    }
    t.config.c2s.direct_tls_listen = [await listening(t, handsOut(pems))]
  }),
  row('tls.served', 'fail', 'another certificate', async (t) => {
    t.pair()
    t.config.c2s.direct_tls_listen = [await listening(t, handsOut(createSelfSigned(['bix.org'], NOW)))]
  }),
  row('tls.served', 'warn', 'ECONNREFUSED', async (t) => {
    t.pair()
    t.config.c2s.direct_tls_listen = [{ host: '127.0.0.1', port: await freePort() }]
  }),
  row('tls.starttls', 'ok', 'required', async (t) => {
    t.config.c2s.listen = [await listening(t, features('<starttls><required/></starttls>'))]
  }),
  row('tls.starttls', 'fail', 'without TLS', async (t) => {
    t.config.c2s.listen = [await listening(t, features('<starttls/>'))]
  }),
  row('tls.starttls', 'fail', 'no STARTTLS', async (t) => {
    t.config.c2s.listen = [await listening(t, features('<mechanisms/>'))]
  }),

  dns('dns.address', 'ok', 'bix.org'),
  row('dns.address', 'fail', 'leads nowhere', (t) => t.dns({ 'other.org A': [PUBLIC] })),
  row('dns.address', 'skip', 'does not answer'),
  dns('dns.resolver', 'ok', 'answers'),
  row('dns.resolver', 'fail', 'did not answer'),
  row('dns.address', 'skip', 'offline', (t) => void (t.offline = true)),
  row('dns.address', 'skip', 'no domain', (t) => void (t.config.hosts = ['localhost', '[::1]'])),
  dns('dns.starttls', 'ok', 'leads here'),
  row('dns.starttls', 'ok', 'port 5222', (t) => t.dns({ 'bix.org A': [PUBLIC] })),
  dns('dns.starttls', 'warn', 'names port 5322', {
    '_xmpp-client._tcp.bix.org SRV': ['5 0 5322 chat.bix.org'],
  }),
  dns('dns.direct_tls', 'ok', 'leads here'),
  row('dns.direct_tls', 'warn', 'has no _xmpps-client._tcp', (t) => t.dns({ 'bix.org A': [PUBLIC] })),
  dns('dns.targets', 'ok', 'machine'),
  dns('dns.targets', 'fail', 'localhost', { '_xmpp-client._tcp.bix.org SRV': ['5 0 5222 localhost'] }),
  dns('dns.targets', 'fail', 'no such service', { '_xmpp-client._tcp.bix.org SRV': ['0 0 0 .'] }),
  dns('dns.targets', 'fail', 'has no address', {
    '_xmpp-client._tcp.bix.org SRV': ['0 0 5222 gone.bix.org'],
  }),
  dns('dns.aliases', 'ok', 'none'),
  dns('dns.aliases', 'warn', 'CNAME', { 'chat.bix.org CNAME': ['other.bix.org'] }),
  dns('dns.ours', 'ok', own()),
  dns('dns.ours', 'warn', PUBLIC, { 'chat.bix.org A': [PUBLIC] }),
  dns('dns.private', 'ok', 'none', { 'chat.bix.org A': ['8.8.8.8'] }),
  dns('dns.private', 'warn', 'private network', { 'chat.bix.org A': ['10.1.2.3'] }),
  dns('dns.ipv6', 'ok', 'no AAAA'),
  dns('dns.ipv6', 'ok', '2001:db8::7', { 'chat.bix.org AAAA': ['2001:db8::7'] }),
  row('dns.ipv6', 'fail', 'nothing listens', (t) => {
    t.config.c2s.listen = [{ host: '0.0.0.0', port: 5222 }]
    t.config.c2s.direct_tls_listen = []
    return t.dns({ ...RECORDS, 'chat.bix.org AAAA': ['2001:db8::7'] })
  }),
  dns('dns.servers', 'ok', 'none'),
  dns('dns.servers', 'warn', 'other servers', { '_xmpp-server._tcp.bix.org SRV': ['5 0 5269 old.bix.org'] }),
  dns('dns.caa', 'ok', 'letsencrypt.org', { 'bix.org CAA': ['letsencrypt.org'] }),
  dns('dns.caa', 'ok', 'anybody'),
  dns('dns.web', 'skip', 'public_url'),
  row('dns.web', 'ok', 'chat.bix.org', (t) => {
    t.config.http.public_url = 'https://chat.bix.org'
    return t.dns(RECORDS)
  }),
  row('dns.web', 'fail', 'www.bix.org', (t) => {
    t.config.http.public_url = 'https://www.bix.org'
    return t.dns(RECORDS)
  }),

  row('net.ports', 'ok', 'free', async (t) => elsewhere(t, await freePort())),
  row('net.ports', 'fail', 'another program', async (t) =>
    elsewhere(t, (await listening(t, createServer())).port),
  ),
  row('net.ports_later', 'ok', 'nothing', async (t) => elsewhere(t, await freePort())),
  row('net.ports_later', 'warn', 'no such address', async (t) => {
    elsewhere(t, await freePort())
    // A family that is not there beside one that is.
    t.config.c2s.listen = [...t.config.c2s.listen, { host: '2001:db8::7', port: 5222 }]
  }),
  row(
    'net.outside',
    'ok',
    '0.0.0.0:5222',
    (t) => void (t.config.c2s.listen = [{ host: '0.0.0.0', port: 5222 }]),
  ),
  row('net.outside', 'warn', 'only this machine'),
  row('net.outside', 'fail', 'nothing listens', (t) => {
    t.config.c2s.listen = []
    t.config.c2s.direct_tls_listen = []
    t.config.http.listen = []
  }),
  row('net.usual_ports', 'ok', '5222'),
  row('net.usual_ports', 'warn', '5223', (t) => void (t.config.c2s.direct_tls_listen = [])),
  row('net.other_server', 'ok', 'none', (t) => void t.put('proc/17/comm', 'sshd\n')),
  row('net.other_server', 'warn', 'ejabberd', (t) => void t.put('proc/17/comm', 'beam.smp\n')),
  row('net.other_server', 'skip', 'listed'),
  row('net.firewall', 'ok', 'neither', (t) => outside(t)),
  row('net.firewall', 'ok', 'ufw lets', (t) => {
    outside(t)
    t.put('etc/ufw/ufw.conf', 'ENABLED=yes\n')
    t.put('etc/ufw/user.rules', '-A ufw-user-input -p tcp --dport 5222 -j ACCEPT\n')
  }),
  row('net.firewall', 'warn', 'ufw has no rule for port 5222', (t) => {
    outside(t)
    t.put('etc/ufw/ufw.conf', 'ENABLED=yes\n')
    t.put('etc/ufw/user.rules', '-A ufw-user-input -p tcp --dport 22 -j ACCEPT\n')
  }),
  row('net.firewall', 'warn', 'firewalld', (t) => {
    outside(t)
    t.put('run/firewalld/x', '')
    t.put('etc/firewalld/zones/public.xml', '<zone><service name="ssh"/></zone>')
  }),
  row('net.http', 'ok', '/livez answers', (t) => answering(t, 200)),
  row('net.http', 'fail', 'answers 502', (t) => answering(t, 502)),

  row('apns.keys', 'ok', 'can be used', (t) => withApp(t)),
  row('apns.keys', 'fail', 'AuthKey.p8', (t) => {
    withApp(t)
    writeFileSync(join(t.dir, 'AuthKey.p8'), 'nonsense')
  }),
  row('apns.reached', 'ok', '127.0.0.1', async (t) => {
    const { port } = await listening(
      t,
      createServer((socket) => void socket.destroy()),
    )
    withApp(t, { endpoint: `https://127.0.0.1:${port}` })
  }),
  row('apns.reached', 'fail', 'ECONNREFUSED', async (t) =>
    withApp(t, { endpoint: `https://127.0.0.1:${await freePort()}` }),
  ),
  row('apns.reached', 'skip', 'offline', (t) => {
    withApp(t)
    t.offline = true
  }),
  row('apns.accepted', 'ok', 'accepted', (t) => {
    withApp(t)
    live(t, { probe: async () => [good] })
  }),
  row('apns.accepted', 'fail', 'InvalidProviderToken', (t) => {
    withApp(t)
    live(t, {
      probe: async () => [
        { ...good, result: 'failed', reason: 'InvalidProviderToken', meaning: 'the key is not known' },
      ],
    })
  }),
  row('apns.clock', 'ok', 'within 0 s', (t) => {
    withApp(t)
    live(t, { probe: async () => [good] })
  }),
  row('apns.clock', 'fail', '4000 s behind', (t) => {
    withApp(t)
    live(t, { probe: async () => [{ ...good, clock_offset_seconds: 4000 }] })
  }),
  row('apns.devices', 'ok', '2 phones', (t) => withApp(t)),
  row('apns.devices', 'warn', 'no phone', (t) => {
    withApp(t)
    live(t, { devices: 0 })
  }),
  row('push.queue', 'ok', '0 wait'),
  row('push.queue', 'warn', '90000', (t) => live(t, { lanes: [{ ...lane, waiting: 90_000 }] })),
  row('push.age', 'ok', 'none'),
  row('push.age', 'ok', '10 s', (t) => live(t, { oldestPush: NOW - 10_000 })),
  row('push.age', 'fail', '900 s', (t) => live(t, { oldestPush: NOW - 900_000 })),
  row('push.rests', 'ok', 'nothing'),
  row('push.rests', 'fail', 'apns: ExpiredProviderToken', (t) =>
    live(t, { lanes: [{ ...lane, paused: 'ExpiredProviderToken', until: NOW }] }),
  ),
  row('push.dead_letters', 'ok', 'none'),
  row('push.dead_letters', 'warn', '4 messages', (t) => live(t, { deadLetters: 4 })),
  row('webhook.reached', 'skip', 'no webhook'),
  row('webhook.reached', 'ok', '127.0.0.1', async (t) => {
    const { port } = await listening(
      t,
      createServer((socket) => void socket.destroy()),
    )
    t.config.webhook.url = `http://127.0.0.1:${port}/x`
  }),
  row(
    'webhook.reached',
    'fail',
    'ECONNREFUSED',
    async (t) => void (t.config.webhook.url = `http://127.0.0.1:${await freePort()}/x`),
  ),
]

function withWeb(t: Trial, url: string): void {
  t.pair()
  t.config.http.public_url = url
  t.config.http.tls_listen = [{ host: '0.0.0.0', port: 443 }]
}

function elsewhere(t: Trial, port: number): void {
  t.config.c2s.listen = [{ host: '127.0.0.1', port }]
  t.config.c2s.direct_tls_listen = []
  t.config.http.listen = []
}

const outside = (t: Trial): void => {
  t.config.c2s.listen = [{ host: '0.0.0.0', port: 5222 }]
  t.config.c2s.direct_tls_listen = []
}

function answering(t: Trial, status: number): void {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('', { status }) })
  t.closing.push(() => server.stop(true))
  t.config.http.listen = [{ host: '127.0.0.1', port: server.port ?? 0 }]
}

/** A certificate under an authority of its own, which `openssl` signs. */
function issued(t: Trial, days: number, bits = '2048'): void {
  const at = (name: string): string => join(t.dir, name)
  const run = (...args: string[]): void => {
    const done = Bun.spawnSync(['openssl', ...args], { stderr: 'pipe' })
    if (!done.success) throw new Error(done.stderr.toString())
  }
  const newKey = ['-newkey', `rsa:${bits}`, '-nodes']
  run(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    '-subj',
    '/CN=authority',
    '-days',
    '999',
  )
  run('req', ...newKey, '-keyout', at('key.pem'), '-out', at('csr.pem'), '-subj', '/CN=bix.org')
  run(
    'x509',
    '-req',
    '-in',
    at('csr.pem'),
    '-CA',
    at('ca.pem'),
    '-CAkey',
    at('ca.key'),
    '-CAcreateserial',
    '-days',
    String(days),
    '-out',
    at('cert.pem'),
  )
  t.config.tls.cert = at('cert.pem')
  t.config.tls.key = at('key.pem')
}
