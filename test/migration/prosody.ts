/** A real Prosody, and the storage that it leaves. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { certificate, endAll, homeOf } from '../bench/peers/peer.ts'
import { listening } from '../bench/server.ts'
import { freePort } from '../support/ports.ts'
import { HOST, ROOMS } from './old-client.ts'

export interface Prosody extends AsyncDisposable {
  readonly c2s: number
  /** Ends it, so that all is written; the path of what it has stored. */
  stop(): Promise<string>
}

const MODULES = ['disco', 'roster', 'saslauth', 'tls', 'ping', 'register_ibr', 'pep', 'vcard_legacy']
  .concat(['private', 'blocklist', 'bookmarks', 'mam', 'cloud_notify', 'offline'])
  .map((name) => `"${name}"`)
  .join(', ')

export async function startProsody(
  storage: 'internal' | 'sql',
  passwords: 'internal_plain' | 'internal_hashed',
): Promise<Prosody> {
  const dir = homeOf('prosody')
  certificate(dir)
  const c2s = await freePort()
  const [data, database] = [join(dir, 'data'), join(dir, 'prosody.sqlite')]
  mkdirSync(data)
  const config = join(dir, 'prosody.cfg.lua')
  const lines = [
    `run_as_root = true`,
    `pidfile = "${dir}/prosody.pid"`,
    `data_path = "${data}"`,
    `log = { warn = "${dir}/prosody.log" }`,
    `interfaces = { "127.0.0.1" }`,
    `c2s_ports = { ${c2s} }`,
    `modules_enabled = { ${MODULES} }`,
    `modules_disabled = { "s2s" }`,
    `allow_registration = true`,
    `authentication = "${passwords}"`,
    `storage = "${storage}"`,
    `sql = { driver = "SQLite3", database = "${database}" }`,
    // Else nothing is archived before a client has asked for its archive.
    `mam_smart_enable = false`,
    `c2s_require_encryption = true`,
    `ssl = { key = "${dir}/localhost.key", certificate = "${dir}/localhost.crt" }`,
    `certificates = "${dir}"`,
    `VirtualHost "${HOST}"`,
    `Component "${ROOMS}" "muc"`,
    `  modules_enabled = { "muc_mam" }`,
    `  muc_log_by_default = true`,
    `  restrict_room_creation = false`,
  ]
  writeFileSync(config, lines.join('\n'))
  const child = Bun.spawn(['setsid', '--wait', 'prosody', '--config', config, '-F'], {
    stdin: 'ignore',
    stdout: Bun.file(join(dir, 'out.log')),
    stderr: Bun.file(join(dir, 'err.log')),
  })
  await listening(c2s, dir)
  return {
    c2s,
    async stop() {
      child.kill('SIGTERM')
      await child.exited
      return storage === 'sql' ? database : data
    },
    [Symbol.asyncDispose]: () => endAll(dir),
  }
}
