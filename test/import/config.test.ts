/** ejabberd's configuration as lines of belfry.toml: whatever is printed is a configuration that can be loaded. */
import { expect, test } from 'bun:test'
import { hintsOf, tomlOf } from '../../src/import/config-hints.ts'
import { readConfig } from '../../src/import/ejabberd-config.ts'
import { SourceError } from '../../src/import/model.ts'
import { loadConfig } from '../../src/config/config.ts'
import { scratch } from './support.ts'

async function hints(name: string, text: string): Promise<string[]> {
  using files = scratch()
  const lines = [...tomlOf(hintsOf(await readConfig(files.file(name, text))))]
  const pem = files.file('belfry.toml', lines.filter((line) => !/^(?:cert|key) =/.test(line)).join('\n'))
  loadConfig({ file: pem })
  return lines
}

test('an ejabberd.yml', async () => {
  const lines = await hints(
    'ejabberd.yml',
    `
hosts: [example.org, "192.0.2.7"]
certfiles: ["/etc/ssl/fullchain.pem", "/etc/ssl/privkey.pem"]
listen:
  - {port: 5222, ip: "::", module: ejabberd_c2s, max_stanza_size: 262144, starttls_required: true}
  - {port: 5223, module: ejabberd_c2s, tls: true}
  - {port: 5269, module: ejabberd_s2s_in}
  - {port: 5443, module: ejabberd_http, tls: true}
acl:
  admin: {user: [ann@example.org, "": localhost]}
access_rules: {register: {deny: all}}
shaper_rules:
  max_user_sessions: 10
  max_user_offline_messages: {5000: admin, 100: all}
shaper: {normal: 1000}
modules:
  mod_register: {}
  mod_mam: {default: roster}
  mod_muc: {host: "rooms.@HOST@", max_users: 300}
  mod_sic: {}
evil: "x\\nadmins = []"
"two\\nlines": 1
`,
  )
  expect(lines).toEqual([
    '# not taken: hosts: 192.0.2.7 is an address, and accounts need a domain',
    '# not taken: listen: 5269: ejabberd_s2s_in has no counterpart here',
    '# not taken: modules: mod_sic has no counterpart here',
    '# not taken: shaper: there are no rates in bytes; see [limits] for those of stanzas',
    '# not taken: evil: not looked at',
    '# not taken: two\\nlines: not looked at',
    'hosts = ["example.org"]',
    'admins = ["ann@example.org"]',
    '',
    '[archive]',
    'default = "roster"',
    '',
    '[c2s]',
    'listen = ["[::]:5222"]',
    'direct_tls_listen = ["0.0.0.0:5223"]',
    '',
    '[http]',
    'tls_listen = ["0.0.0.0:5443"]',
    '',
    '[limits]',
    'stanza_bytes = 262144',
    'room_occupants = 300',
    'sessions_per_user = 10',
    'offline_messages = 100',
    '',
    '[muc]',
    'host = "rooms.{host}"',
    '',
    '[registration]',
    'in_band = false',
    '',
    '[tls]',
    'cert = "/etc/ssl/fullchain.pem"',
    'key = "/etc/ssl/privkey.pem"',
    '',
    '[upload]',
    'enabled = false',
  ])
})

test('an ejabberd.cfg of old: terms, tuples as addresses, passwords that are kept elsewhere', async () => {
  const lines = await hints(
    'ejabberd.cfg',
    `%% hosts
{hosts, ["example.org"]}.
{listen, [
 {5222, ejabberd_c2s, [{access, c2s}, {certfile, "/etc/ejabberd/ejabberd.pem"}, starttls, {max_stanza_size, 65536}]},
 {{5223, {127,0,0,1}}, ejabberd_c2s, [tls]}]}.
{auth_method, external}.
{acl, admin, {user, "ann", "example.org"}}.
{acl, admin, {user, "bob"}}.
{acl, local, {user_regexp, ""}}.
{access, max_user_sessions, [{10, all}]}.
{access, register, [{allow, all}]}.
{include_config_file, "more.cfg"}.
{modules, [{mod_register, [{access, register}]}, {mod_muc, []}, {mod_http_upload, []}, {mod_irc, []}]}.
`,
  )
  expect(lines).toEqual([
    '# not taken: modules: mod_irc has no counterpart here',
    '# not taken: auth_method: external: passwords that are kept elsewhere do not come over',
    '# not taken: include_config_file: not followed; look at it by hand',
    'hosts = ["example.org"]',
    'admins = ["ann@example.org","bob@example.org"]',
    '',
    '[c2s]',
    'listen = ["0.0.0.0:5222"]',
    'direct_tls_listen = ["127.0.0.1:5223"]',
    '',
    '[limits]',
    'stanza_bytes = 65536',
    'sessions_per_user = 10',
    '',
    '[registration]',
    'in_band = true',
    '',
    '[tls]',
    'cert = "/etc/ejabberd/ejabberd.pem"',
    'key = "/etc/ejabberd/ejabberd.pem"',
  ])
})

/** Each level three times the one before: 3^40 of the last. */
const ALIASES = Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}, *a${i}]\n`)

test.each([
  ['deep', 'a: ' + '['.repeat(100_000)],
  ['a list', '- a\n- b\n'],
  ['with an alias of nothing', 'hosts: *nobody\n'],
  ['cut off', 'hosts: ["a'],
  ['a term that is cut off', '{hosts, ["a'],
  ['too large', `hosts: [${'"a.example",'.repeat(100_000)}]`],
  ['empty', ''],
  ['of aliases of aliases', `a0: &a0 [x]\n${ALIASES.join('')}listen: *a40\n`],
])('a file that is %s is refused in a sentence', async (_, text) => {
  using files = scratch()
  expect(await readConfig(files.file('ejabberd.yml', text)).catch((error: unknown) => error)).toBeInstanceOf(
    SourceError,
  )
})
