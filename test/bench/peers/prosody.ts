/** Prosody of Debian, with the archive of rooms on. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, listening } from '../server.ts'
import { certificate, cpuOf, endAll, homeOf, PEER_PASSWORD, type PeerKind } from './peer.ts'

export const prosody: PeerKind = {
  name: 'prosody',
  conference: 'conference.localhost',
  async start(accounts, archive = true) {
    const dir = homeOf('prosody')
    certificate(dir)
    const c2s = await freePort()
    const config = join(dir, 'prosody.cfg.lua')
    writeFileSync(
      config,
      [
        `run_as_root = true`,
        `pidfile = "${dir}/prosody.pid"`,
        `data_path = "${dir}/data"`,
        `log = { warn = "${dir}/prosody.log" }`,
        `interfaces = { "127.0.0.1" }`,
        `c2s_ports = { ${c2s} }`,
        `modules_enabled = { "disco", "roster", "saslauth", "tls", "ping", "smacks", "carbons"${archive ? ', "mam"' : ''} }`,
        `modules_disabled = { "s2s" }`,
        `authentication = "internal_plain"`,
        `storage = "internal"`,
        `default_archive_policy = true`,
        `c2s_require_encryption = true`,
        `ssl = { key = "${dir}/localhost.key", certificate = "${dir}/localhost.crt" }`,
        `certificates = "${dir}"`,
        `VirtualHost "localhost"`,
        `Component "conference.localhost" "muc"`,
        `  modules_enabled = { "muc_mam" }`,
        `  muc_log_by_default = true`,
        `  restrict_room_creation = false`,
      ].join('\n'),
    )
    // What its `prosodyctl register` writes.
    mkdirSync(join(dir, 'data/localhost/accounts'), { recursive: true })
    for (let i = 0; i < accounts; i++)
      writeFileSync(
        join(dir, `data/localhost/accounts/u${i}.dat`),
        `return {\n\t["password"] = "${PEER_PASSWORD}";\n};\n`,
      )
    Bun.spawn(['setsid', 'prosody', '--config', config, '-F'], {
      stdin: 'ignore',
      stdout: Bun.file(join(dir, 'out.log')),
      stderr: Bun.file(join(dir, 'err.log')),
    })
    await listening(c2s, dir)
    return { c2s, cpuMs: () => cpuOf(dir), stop: () => endAll(dir) }
  },
}
