/** Debian's ejabberd, with archives on, also that of each room. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, listening } from '../server.ts'
import { certificate, cpuOf, endAll, homeOf, PEER_PASSWORD, type PeerKind, run } from './peer.ts'

export const ejabberd: PeerKind = {
  name: 'ejabberd',
  conference: 'conference.localhost',
  async start(accounts, archive = true) {
    const dir = homeOf('ejabberd')
    const pem = certificate(dir)
    const c2s = await freePort()
    const config = join(dir, 'ejabberd.yml')
    writeFileSync(
      config,
      `
hosts: [localhost]
loglevel: warning
certfiles: ["${pem}"]
auth_method: internal
auth_password_format: plain
shaper: {}
listen:
  - port: ${c2s}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    starttls_required: true
modules:
  mod_disco: {}
  mod_ping: {}
  mod_roster: {}
  mod_stream_mgmt: {}
  mod_carboncopy: {}
  mod_mam: {default: ${archive ? 'always' : 'never'}}
  mod_muc:
    access: all
    access_create: all
    access_mam: all
    max_users: 1000
    default_room_options: {mam: true, persistent: true}
`,
    )
    writeFileSync(join(dir, 'ejabberdctl.cfg'), '')
    writeFileSync(join(dir, 'inetrc'), '{lookup,["file","native"]}.\n')
    const users = Array.from(
      { length: accounts },
      (_, i) => `<user name='u${i}' password='${PEER_PASSWORD}'/>`,
    )
    const people = join(dir, 'people.xml')
    writeFileSync(
      people,
      `<?xml version='1.0' encoding='UTF-8'?><server-data xmlns='urn:xmpp:pie:0'><host jid='localhost'>${users.join('')}</host></server-data>`,
    )
    run(['chown', '-R', 'ejabberd', dir])
    const ctl = (...words: string[]) => [
      'ejabberdctl',
      ...['--config', config, '--config-dir', dir, '--ctl-config', join(dir, 'ejabberdctl.cfg')],
      ...['--logs', dir, '--spool', dir, '--node', `bench${c2s}@localhost`],
      ...words,
    ]
    // In a pipe it would be held open by the children.
    Bun.spawn(['setsid', ...ctl('foreground')], {
      stdin: 'ignore',
      stdout: Bun.file(join(dir, 'out.log')),
      stderr: Bun.file(join(dir, 'err.log')),
    })
    await listening(c2s, dir)
    // Its `register` takes a second for each.
    run(ctl('import_piefxis', people))
    return { c2s, cpuMs: () => cpuOf(dir), stop: () => endAll(dir) }
  },
}
