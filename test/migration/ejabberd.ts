/** A real ejabberd with Mnesia, and what its own tools export. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { certificate, endAll, homeOf, run } from '../bench/peers/peer.ts'
import { listening } from '../bench/server.ts'
import { freePort } from '../support/ports.ts'
import { HOST } from './old-client.ts'

export interface Exported {
  readonly dump: string
  readonly sql: string
  readonly piefxis: string
}

export interface Ejabberd extends AsyncDisposable {
  readonly c2s: number
  exports(): Exported
}

/** The database is empty: `export2sql` asks it how to quote. */
const config = (c2s: number, dir: string, passwords: 'plain' | 'scram'): string => `
hosts: [${HOST}]
loglevel: warning
certfiles: ["${certificate(dir)}"]
sql_type: sqlite
sql_database: "${dir}/quoting.sqlite"
auth_method: internal
auth_password_format: ${passwords}
registration_timeout: infinity
shaper: {}
listen:
  - {port: ${c2s}, ip: "127.0.0.1", module: ejabberd_c2s, starttls_required: true}
modules:
  mod_disco: {}
  mod_ping: {}
  mod_register: {ip_access: all, access: all}
  mod_roster: {}
  mod_vcard: {}
  mod_private: {}
  mod_privacy: {}
  mod_blocking: {}
  mod_last: {}
  mod_offline: {}
  mod_caps: {}
  mod_pubsub: {plugins: [flat, pep]}
  mod_mam: {default: always}
  mod_push: {}
  mod_muc: {access_mam: all, default_room_options: {mam: true}}
`

export async function startEjabberd(passwords: 'plain' | 'scram'): Promise<Ejabberd> {
  const dir = homeOf('ejabberd')
  const c2s = await freePort()
  const yml = join(dir, 'ejabberd.yml')
  writeFileSync(yml, config(c2s, dir, passwords))
  writeFileSync(join(dir, 'ejabberdctl.cfg'), '')
  writeFileSync(join(dir, 'inetrc'), '{lookup,["file","native"]}.\n')
  run(['chown', '-R', 'ejabberd', dir])
  const ctl = (...words: string[]) => [
    'ejabberdctl',
    ...['--config', yml, '--config-dir', dir, '--ctl-config', join(dir, 'ejabberdctl.cfg')],
    ...['--logs', dir, '--spool', dir, '--node', `move${c2s}@${HOST}`],
    ...words,
  ]
  // In a pipe it would be held open by the children.
  Bun.spawn(['setsid', ...ctl('foreground')], {
    stdin: 'ignore',
    stdout: Bun.file(join(dir, 'out.log')),
    stderr: Bun.file(join(dir, 'err.log')),
  })
  await listening(c2s, dir)
  return {
    c2s,
    exports() {
      const [dump, sql] = [join(dir, 'dump.txt'), join(dir, 'export.sql')]
      run(ctl('dump', dump))
      run(ctl('export2sql', HOST, sql))
      run(ctl('export_piefxis', dir))
      const piefxis = readdirSync(dir).find((name) => name.endsWith(`_${HOST}.xml`)) ?? 'no file of the host'
      return { dump, sql, piefxis: join(dir, piefxis) }
    },
    [Symbol.asyncDispose]: () => endAll(dir),
  }
}
