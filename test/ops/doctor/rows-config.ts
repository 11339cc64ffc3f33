import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Row, row } from './trial.ts'

const app = { topic: 'org.bix.chat', environment: 'production', team_id: 'TEAM123456', key_id: 'KEY1234567' }

export const CONFIG_ROWS: readonly Row[] = [
  row('config.file', 'ok', 'belfry.toml', (t) => void t.file()),
  row('config.file', 'warn', 'there is no file'),
  row('config.file', 'fail', 'is gone', (t) => rmSync(t.file())),
  row('config.file', 'fail', 'unknown key "hostss"', (t) => void t.file('hostss = []\n')),
  row('config.file', 'fail', 'not TOML', (t) => void t.problems.push('x: not TOML')),
  row('config.warnings', 'ok', 'doubtful'),
  row(
    'config.warnings',
    'warn',
    'no effect',
    (t) => void Object.assign(t.config.source, { warnings: ['[x] has no effect'] }),
  ),
  row('config.mode', 'ok', '640', (t) => void t.file()),
  row('config.mode', 'warn', 'read by everybody', (t) => void t.file('', 0o644)),
  row('config.mode', 'fail', 'changed by everybody', (t) => void t.file('', 0o646)),
  row('config.named_files', 'ok', '2 files', (t) => void t.pair()),
  row('config.named_files', 'fail', 'does not exist', (t) => rmSync(t.pair().key)),
  row('config.secrets', 'ok', 'no key', (t) => void t.pair()),
  row('config.secrets', 'fail', 'key.pem', (t) => void t.put(t.pair().key, 'x', 0o644)),
  row('config.writable', 'ok', 'none', (t) => void t.pair()),
  row('config.writable', 'warn', 'cert.pem', (t) => void t.put(t.pair().cert, 'x', 0o664)),
  row('config.restart', 'ok', 'goes by', (t) => {
    t.file(
      'hosts = ["bix.org"]\n[c2s]\nlisten = ["127.0.0.1:5222"]\ndirect_tls_listen = ["127.0.0.1:5223"]\n',
    )
    t.config.c2s.listen = [{ host: '127.0.0.1', port: 5222 }]
    t.config.c2s.direct_tls_listen = [{ host: '127.0.0.1', port: 5223 }]
  }),
  row('config.restart', 'warn', 'limits.depth', (t) => void t.file('[limits]\ndepth = 7\n')),
  row('config.hosts', 'ok', 'bix.org'),
  row('config.hosts', 'ok', 'SRV', (t) => (t.config.hosts = ['xmpp.bix.org'])),
  row('config.hosts', 'warn', 'trial', (t) => (t.config.hosts = ['localhost'])),
  row('config.admins', 'ok', 'nurse', (t) => (t.config.admins = ['nurse@bix.org'])),
  row('config.admins', 'warn', 'elsewhere', (t) => (t.config.admins = ['nurse@elsewhere.example'])),
  row('config.contact', 'warn', 'XEP-0157'),
  row('config.contact', 'ok', 'write', (t) => (t.config.contact.abuse = ['mailto:abuse@bix.org'])),
  row('config.log_level', 'ok', 'info'),
  row('config.log_level', 'warn', 'each stanza', (t) => (t.config.log.level = 'debug')),
  row('config.log_level', 'warn', 'not written', (t) => (t.config.log.level = 'error')),
  row('config.public_url', 'ok', 'https', (t) => (t.config.http.public_url = 'https://chat.bix.org')),
  row('config.public_url', 'warn', 'no address'),
  row('config.public_url', 'warn', 'without TLS', (t) => (t.config.http.public_url = 'http://chat.bix.org')),
  row('config.uploads', 'ok', 'disk', (t) => (t.config.upload.url = 'https://files.bix.org')),
  row('config.uploads', 'warn', 'nobody can send', () => {}),
  row('config.uploads', 'skip', 'off', (t) => (t.config.upload.enabled = false)),

  row('access.registration', 'ok', 'closed'),
  row('access.registration', 'ok', 'chosen', (t) => (t.config.registration.http = true)),
  row('access.registration', 'warn', 'anybody', (t) => {
    t.config.registration.in_band = true
    t.config.registration.ip_access = ['!10.0.0.0/8', '0.0.0.0/0']
  }),
  row('access.registration_rate', 'skip', 'nobody'),
  row('access.registration_rate', 'ok', '10 min', (t) => (t.config.registration.in_band = true)),
  row('access.registration_rate', 'warn', 'any number', (t) => {
    t.config.registration.in_band = true
    t.config.registration.timeout = 0
  }),
  row('access.http', 'ok', 'this machine'),
  row(
    'access.http',
    'warn',
    '0.0.0.0:5280',
    (t) => (t.config.http.listen = [{ host: '0.0.0.0', port: 5280 }]),
  ),
  row('access.tls', 'ok', 'needed'),
  row('access.tls', 'warn', 'without TLS', (t) => (t.config.c2s.require_tls = false)),
  row('access.old_tls', 'ok', '1.2'),
  row('access.old_tls', 'warn', 'CBC', (t) => (t.config.tls.compat = 'old')),
  row('access.plain', 'ok', 'never'),
  row('access.plain', 'warn', 'PLAIN', (t) => (t.config.auth.plain = true)),
  row('access.scram', 'ok', '10000'),
  row('access.scram', 'warn', '4096', (t) => (t.config.auth.scram_iterations = 4096)),
  row('access.scram', 'warn', 'slow', (t) => (t.config.auth.scram_iterations = 5_000_000)),
  row('access.rates', 'ok', 'on'),
  row('access.rates', 'fail', 'benchmarks', (t) => (t.config.limits.rates = false)),
  row('access.limits', 'ok', 'set'),
  row('access.limits', 'warn', 'limits.depth', (t) => (t.config.limits.depth = Infinity)),
  row('access.never_ban', 'ok', '127.0.0.0/8'),
  row('access.never_ban', 'warn', 'never banned', (t) => (t.config.auth.never_ban = ['::/0'])),
  row('access.proxies', 'ok', 'only'),
  row('access.proxies', 'fail', '[http]', (t) => (t.config.http.trusted_proxies = ['0.0.0.0/0'])),
  row('access.origins', 'ok', 'own pages'),
  row('access.origins', 'warn', 'any origin', (t) => (t.config.http.origins = ['*'])),

  row('apns.apps', 'warn', 'no phone rings'),
  row('apns.apps', 'warn', 'simulator', (t) => (t.config.push.simulator = true)),
  row('apns.apps', 'ok', 'org.bix.chat', (t) => withApp(t)),
  row('apns.apps', 'ok', 'Web Push', (t) => (t.config.push.webpush.contact = 'mailto:admin@bix.org')),
  row('apns.ids', 'ok', 'form', (t) => withApp(t)),
  row('apns.ids', 'warn', 'team', (t) => withApp(t, { team_id: 'teamteamte' })),
  row('apns.topics', 'ok', 'bundle', (t) => withApp(t)),
  row('apns.topics', 'warn', 'voip', (t) => withApp(t, { topic: 'org.bix.chat.voip' })),
  row('apns.environment', 'ok', 'TestFlight', (t) => withApp(t)),
  row('apns.environment', 'warn', 'Xcode', (t) => withApp(t, { environment: 'sandbox' })),
  row('webhook.url', 'skip', 'no webhook'),
  row('webhook.url', 'fail', 'clear', (t) => (t.config.webhook.url = 'http://hook.example/x')),
  row('webhook.url', 'warn', 'whoever', (t) => (t.config.webhook.url = 'https://hook.example/x')),
  row('webhook.url', 'ok', 'json', (t) => {
    t.config.webhook.url = 'https://hook.example/x'
    t.config.webhook.secret_file = t.put(join(t.dir, 'secret'), 'x', 0o600)
  }),
]

function withApp(t: Parameters<Row['given']>[0], change: object = {}): void {
  Object.assign(t.config.push, { apps: [{ ...app, aliases: [], key_file: '/nowhere.p8', ...change }] })
}
