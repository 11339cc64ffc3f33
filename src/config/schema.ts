/**
 * The configuration, key by key. This is the one truth: `config schema`, `config init` and the reference page are
 * printed from it. Names are kept as they stand in the file, so that a key can be searched through the whole code.
 */
import { z } from 'zod'
import { acme } from './acme.ts'
import { conflicts } from './app.ts'
import { backup, storage } from './backup.ts'
import { EVENTS } from './events.ts'
import { limits } from './limits.ts'
import { c2s, http, tls } from './listening.ts'
import { log } from './log.ts'
import { HOST, muc } from './muc.ts'
import { push } from './push.ts'
import { S3_KEYS, upload } from './upload.ts'
import {
  count,
  countLimit,
  duration,
  file,
  host,
  httpUrl,
  neededDuration,
  network,
  sizeLimit,
} from './values.ts'

// A configuration is read once: code made for its schema at run time would cost more than it saves.
z.config({ jitless: true })

const auth = z.strictObject({
  scram_iterations: z
    .number()
    .int()
    .min(4096)
    .max(10_000_000)
    .default(10_000)
    .describe('PBKDF2 rounds of new keys. The client pays them at each login.'),
  token_lifetime: duration('30d').describe(
    'How long an app may log in with a token in place of its password (XEP-0484); "0s" = no tokens.',
  ),
  plain: z.boolean().default(false).describe('Offer PLAIN inside TLS, for clients without SCRAM.'),
  channel_binding: z
    .boolean()
    .default(true)
    .describe(
      'Offer SCRAM-…-PLUS. false lets old clients in that bind only by tls-unique (slixmpp before 1.8.4).',
    ),
  never_ban: z
    .array(network)
    .default(['127.0.0.0/8', '::1/128'])
    .describe(
      'Addresses that failed logins never ban, only delay: first match wins, "!" denies. The trusted_proxies of ' +
        '[c2s] and [http] are among them.',
    ),
})

const registration = z.strictObject({
  in_band: z
    .boolean()
    .default(false)
    .describe('Accounts made by the app itself (XEP-0077); with an invitation in any case.'),
  http: z
    .boolean()
    .default(false)
    .describe('Accounts made by POST /v1/register; with an invitation in any case.'),
  ip_access: z
    .array(network)
    .default(['127.0.0.0/8', '::1/128'])
    .describe(
      'Who may register: first match wins, "!" denies; [] = nobody, ["0.0.0.0/0", "::/0"] = everyone.',
    ),
  timeout: duration('10m').describe(
    'One account per address and interval; "0s" or "infinity" = no such limit.',
  ),
  min_password: count(8).describe('Shortest password that a person may choose.'),
  refuse_lookalikes: z
    .boolean()
    .default(true)
    .describe(
      'No account whose name people would take for that of another or of an administrator of its host, such as "rnike" ' +
        'for "mike", or by letters of other scripts (UTS #39). The operator may make one all the same: --allow-lookalike.',
    ),
})

const invites = z.strictObject({
  users: z
    .boolean()
    .default(false)
    .describe('Accounts may invite people who have none yet, not only make contacts by a link (XEP-0401).'),
  lifetime: duration('7d')
    .refine((ms) => ms > 0 && ms !== Infinity, { error: 'an invitation must end some time' })
    .describe('How long an invitation holds unless its maker says otherwise.'),
})

const sm = z.strictObject({
  max: duration('10m').describe('How long a lost connection can be resumed (XEP-0198).'),
  max_with_push: duration('24h').describe('The same for an account with a registered device.'),
  ack_timeout: duration('10s').describe('A stanza not acknowledged for this long counts as missed for push.'),
  stop_wait: duration('1s')
    .refine((ms) => ms <= 20_000, { error: 'systemd ends the server after 30s, so at most 20s' })
    .describe('How long an orderly stop waits for clients that cannot resume to acknowledge; at most 20s.'),
})

const foreverToo = (value: 'forever' | number): number => (value === 'forever' ? Infinity : value)

const archiveHost = z.strictObject({
  name: host.describe('The domain.').meta({ sample: ['example.org'] }),
  keep: z
    .union([z.literal('forever'), neededDuration])
    .transform(foreverToo)
    .describe('How long its archive keeps a message.')
    .meta({ sample: ['90d'] }),
})

const archive = z.strictObject({
  default: z
    .enum(['always', 'roster', 'never'])
    .default('always')
    .describe('What is archived until the user says otherwise (XEP-0313).'),
  keep: z
    .union([z.literal('forever'), neededDuration])
    .prefault('forever')
    .transform(foreverToo)
    .describe('How long the archive keeps a message.'),
  max_bytes: sizeLimit(0).describe(
    'Most that one account’s archive may hold; beyond it the oldest messages go, to 95 % of it. 0 = any.',
  ),
  hosts: z.array(archiveHost).default([]).describe('Hosts whose archive keeps messages for another time.'),
})

const audit = z.strictObject({
  keep: z
    .union([z.literal('forever'), neededDuration])
    .prefault('400d')
    .transform(foreverToo)
    .describe('How long it is kept who has changed what (`belfry audit list`).'),
  max_rows: countLimit(1_000_000).describe('Most changes that are kept; the oldest go first.'),
})

const webhook = z
  .strictObject({
    url: httpUrl
      .optional()
      .describe('Address that is told of each message to somebody who is away.')
      .meta({ sample: ['https://www.example.org/chat-events'] }),
    events: z
      .array(z.enum(EVENTS))
      .default(['message.offline'])
      .describe(
        `What it is told of (json only, but for the first): ${EVENTS.join(', ')}. See belfry help webhook.`,
      ),
    secret_file: file('/etc/belfry/webhook.secret')
      .optional()
      .describe('File with the key of the HMAC-SHA-256 signature; of the form its token.'),
    token_file: file('/etc/belfry/webhook.token')
      .optional()
      .describe('File with the `token` that receivers of the form check (form only).'),
    format: z
      .enum(['json', 'form'])
      .default('json')
      .describe('json, or the urlencoded from/to/body/token of home-made ejabberd modules.'),
    timeout: duration('10s').describe('Longest wait for an answer.'),
    allow_private: z.boolean().default(false).describe('Allow addresses of private networks and loopback.'),
  })
  .superRefine(({ format, events, secret_file, token_file }, ctx) => {
    if (format === 'form' && secret_file !== undefined && token_file !== undefined)
      ctx.addIssue({
        code: 'custom',
        path: ['secret_file'],
        message: 'the form has no signature, only a token',
      })
    if (format === 'json' && token_file !== undefined)
      ctx.addIssue({
        code: 'custom',
        path: ['token_file'],
        message: 'only the form has a token: json is signed, with secret_file',
      })
    const issue = (at: number, message: string) =>
      ctx.addIssue({ code: 'custom', path: ['events', at], message })
    duplicates(events).forEach((index) => issue(index, 'this event is listed twice'))
    events.forEach((name, index) => {
      if (format === 'form' && name !== 'message.offline')
        issue(index, `${name} needs format = "json": the form knows only message.offline`)
    })
  })

/** XEP-0157: whom to write to. Addresses are URIs; a bare e-mail address is one by its nature. */
const addresses = () =>
  z
    .array(
      z
        .string()
        .regex(/^(?:(?:mailto|xmpp|https?|tel|sips?|ircs?|matrix):\S+|[^\s@:/]+@[^\s@/]+)$/i, {
          error: 'not a URI such as "mailto:abuse@example.org", "xmpp:…" or "https://…"',
        })
        .transform((text) => (/^[a-z]+:/i.test(text) ? text : `mailto:${text}`)),
    )
    .prefault([])

const contact = z.strictObject({
  abuse: addresses().describe('For reports of abuse.'),
  admin: addresses().describe('For the people who run this server.'),
  feedback: addresses().describe('For praise and complaint.'),
  sales: addresses().describe('For those who want to buy.'),
  security: addresses().describe('For reports of vulnerabilities.'),
  status: addresses().describe('Where to see whether the service is up.'),
  support: addresses().describe('For those who need help.'),
})

/** XEP-0215: a service beside this server, mostly STUN or TURN. */
const externalService = z
  .strictObject({
    type: z
      .string()
      .regex(/^[a-z][a-z0-9+.-]*$/, { error: 'not a kind of service such as "stun", "turn" or "ftp"' })
      .describe('What it is: "stun", "stuns", "turn", "turns" or any other kind that clients know.')
      .meta({ sample: ['turn', 'turns'] }),
    host: z
      .string()
      .min(1)
      .describe('Name or address of the service.')
      .meta({ sample: ['turn.example.org'] }),
    port: z
      .number()
      .int()
      .min(1)
      .max(65535)
      .optional()
      .describe('Port of the service; 3478 for STUN and TURN unless said otherwise.')
      .meta({ sample: [3478] }),
    transport: z
      .enum(['udp', 'tcp'])
      .optional()
      .describe('How it is reached; "udp" for STUN and TURN unless said otherwise.'),
    username: z
      .string()
      .optional()
      .describe('Fixed user name, with password_file.')
      .meta({ sample: ['belfry'] }),
    password_file: file('/etc/belfry/turn.password').optional().describe('File with the fixed password.'),
    secret_file: file('/etc/belfry/turn.secret')
      .optional()
      .describe('File with the secret that it shares with us, for passwords that end.'),
    ttl: duration('24h').describe('How long such a password holds.'),
  })
  .superRefine((value, ctx) => {
    if ((value.username === undefined) !== (value.password_file === undefined)) {
      ctx.addIssue({
        code: 'custom',
        message: 'username and password_file go together: name both or neither',
      })
    }
    if (value.username !== undefined && value.secret_file !== undefined) {
      ctx.addIssue({ code: 'custom', message: 'either a fixed password or a shared secret, not both' })
    }
  })

export const configSchema = z
  .strictObject({
    hosts: z.array(host).min(1).default(['localhost']).describe('The domains that this server is for.'),
    data_dir: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Where the database lives: /var/lib/belfry for a file below /etc, else "data" beside the file.',
      )
      .meta({ sample: ['/var/lib/belfry'] }),
    admins: z
      .array(z.string().regex(/^[^\s@/]+@[^\s@/]+$/u, { error: 'not an address such as "you@example.org"' }))
      .default([])
      .describe(
        'Accounts that may use the web admin; [] = the one that was set up by the link which the start prints.',
      ),
    tls: tls.prefault({}),
    acme: acme.prefault({}),
    c2s: c2s.prefault({}),
    http: http.prefault({}),
    auth: auth.prefault({}),
    registration: registration.prefault({}),
    invites: invites.prefault({}),
    sm: sm.prefault({}),
    archive: archive.prefault({}),
    audit: audit.prefault({}),
    limits,
    push: push.prefault({}),
    webhook: webhook.prefault({}),
    external_services: z
      .array(externalService)
      .default([])
      .describe('STUN and TURN servers for calls, and other services.'),
    muc: muc.prefault({}),
    upload: upload.prefault({}),
    backup: backup.prefault({}),
    storage: storage.prefault({}),
    contact: contact.prefault({}),
    log: log.prefault({}),
  })
  .superRefine((value, ctx) => {
    const issue = (path: PropertyKey[], message: string) => ctx.addIssue({ code: 'custom', path, message })
    const isTaken = (port: number) => port > 0 && value.http.tls_listen.some((entry) => entry.port === port)
    if (value.hosts.length > 1 && !value.muc.host.includes(HOST))
      issue(['muc', 'host'], `each host needs rooms of its own: write ${HOST} for the host`)
    if (value.hosts.length > 1 && !value.upload.host.includes(HOST))
      issue(['upload', 'host'], `each host needs a service of its own: write ${HOST} for the host`)
    if (value.muc.host === value.upload.host)
      issue(['upload', 'host'], 'rooms have this domain already: [muc] host')
    const lacking = S3_KEYS.filter((key) => value.upload.s3[key] === undefined)
    if (value.upload.storage === 's3' && lacking.length > 0)
      issue(['upload', 'storage'], `"s3" needs a store: [upload.s3] lacks ${lacking.join(', ')}`)
    const { challenge, email, listen: answers = [{ port: 443 }] } = value.acme
    if (email !== undefined && challenge === 'tls-alpn-01' && answers.some(({ port }) => isTaken(port)))
      issue(
        ['acme', 'challenge'],
        'the port is that of [http] tls_listen, which cannot answer: take "http-01"',
      )
    if (email !== undefined && answers.length === 0) {
      if (challenge === 'tls-alpn-01')
        issue(
          ['acme', 'listen'],
          'nothing would answer by TLS: name an address to which the proxy passes "acme-tls/1"',
        )
      else if (value.http.listen.length + value.http.tls_listen.length === 0)
        issue(['acme', 'listen'], 'nothing would answer: name an address here or in [http] listen')
    }
    if ((value.tls.cert === undefined) !== (value.tls.key === undefined)) {
      issue(['tls'], 'cert and key go together: name both or neither')
    }
    duplicates(value.hosts).forEach((index) => issue(['hosts', index], 'this host is listed twice'))
    duplicates(value.archive.hosts.map(({ name }) => name)).forEach((index) =>
      issue(['archive', 'hosts', index], 'this host is listed twice'),
    )
    value.archive.hosts.forEach(({ name }, index) => {
      if (!value.hosts.includes(name))
        issue(['archive', 'hosts', index, 'name'], `${name} is not one of the hosts of this server`)
    })
    duplicates(value.push.apps.map((entry) => `${entry.environment} ${entry.topic}`)).forEach((index) =>
      issue(['push', 'apps', index], 'this topic and environment are listed twice'),
    )
    duplicates(value.push.fcm.map(({ topic }) => topic)).forEach((index) =>
      issue(['push', 'fcm', index], 'this topic is listed twice'),
    )
    conflicts(value.push.apps).forEach(({ path, message }) => issue(['push', 'apps', ...path], message))
  })

function duplicates(list: readonly string[]): number[] {
  return list.flatMap((item, index) => (list.indexOf(item) === index ? [] : [index]))
}

/** Keys whose value is a path, for the check that each file is there and not open to everyone. */
export const FILE_KEYS: readonly { readonly key: string; readonly secret: boolean }[] = [
  { key: 'cert', secret: false },
  { key: 'key', secret: true },
  { key: 'key_file', secret: true },
  { key: 'cert_file', secret: false },
  { key: 'cert_key_file', secret: true },
  { key: 'p12_file', secret: true },
  { key: 'p12_password_file', secret: true },
  { key: 'secret_file', secret: true },
  { key: 'token_file', secret: true },
  { key: 'password_file', secret: true },
  { key: 'passphrase_file', secret: true },
  { key: 'ca_file', secret: false },
  { key: 'service_account_file', secret: true },
  { key: 'eab_key_file', secret: true },
]
