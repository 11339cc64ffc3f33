/** The configuration file, and the files that it names. */
import { existsSync } from 'node:fs'
import { isIP } from 'node:net'
import { type Config, ConfigError, loadConfig } from '../../config/config.ts'
import { fileTrouble, type NamedFile, resolveFiles } from '../../config/files.ts'
import { Jid } from '../../xmpp/jid.ts'
import { needsRestart } from '../live-keys.ts'
import {
  type DoctorCheck,
  type DoctorWorld,
  fail,
  octal,
  ok,
  skip,
  some,
  statOf,
  unless,
  warn,
} from './check.ts'

export const CONFIG_CHECKS: readonly DoctorCheck[] = [
  { id: 'config.file', look: file },
  { id: 'config.warnings', needs: ['config'], look: warnings },
  { id: 'config.mode', look: mode },
  { id: 'config.named_files', needs: ['config'], look: namedFiles },
  { id: 'config.secrets', needs: ['config'], look: secrets },
  { id: 'config.writable', needs: ['config'], look: writable },
  { id: 'config.restart', needs: ['config', 'server'], look: restart },
  { id: 'config.hosts', needs: ['config'], look: hosts },
  { id: 'config.admins', needs: ['config'], look: admins },
  { id: 'config.contact', needs: ['config'], look: contact },
  { id: 'config.log_level', needs: ['config'], look: logLevel },
  { id: 'config.public_url', needs: ['config'], look: publicUrl },
  { id: 'config.uploads', needs: ['config'], look: uploads },
]

function file({ config, problems }: DoctorWorld) {
  const { file: path } = config.source
  if (problems.length > 0) return fail(some(problems, 2), 'mend the file; all of it: belfry config check')
  if (path === undefined)
    return warn(
      'there is no file, so the defaults for a trial on this machine hold',
      'belfry setup --domain example.org, or belfry config init',
    )
  if (!existsSync(path)) return fail(`${path} is gone since the start`, 'put it back before the next restart')
  try {
    // The running server goes by what it read at its start; the next one will go by this.
    loadConfig({ file: path, checkFiles: true })
    return ok(path)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return fail(error.message.split('\n')[0] ?? '', `mend ${path}; all of it: belfry config check`)
  }
}

function warnings({ config }: DoctorWorld) {
  return unless(
    config.source.warnings,
    'nothing in it is doubtful',
    warn,
    'belfry config check tells each by its line',
  )
}

function mode({ config }: DoctorWorld) {
  const path = config.source.file
  const stat = path === undefined ? undefined : statOf(path)
  if (path === undefined || !stat) return skip('there is no file')
  const bits = octal(stat.mode)
  if ((stat.mode & 0o002) !== 0)
    return fail(`${path} may be changed by everybody (${bits})`, `chmod 640 ${path}`)
  if ((stat.mode & 0o004) !== 0)
    return warn(`${path} may be read by everybody (${bits})`, `chmod 640 ${path}`)
  return ok(`mode ${bits}`)
}

/** Files that the configuration names. Their paths are whole ones by now. */
function named({ source: _, ...config }: Config): NamedFile[] {
  return resolveFiles(structuredClone(config), '/')
}

function namedFiles({ config }: DoctorWorld) {
  const files = named(config)
  const troubles = files.flatMap(({ file: path }) => fileTrouble(path) ?? [])
  return unless(
    troubles,
    `${files.length} files can be read`,
    fail,
    'put them there, for the group of the service to read',
  )
}

function secrets({ config }: DoctorWorld) {
  const open = named(config).filter(({ file: path, secret }) => secret && isOpen(path, 0o004))
  const list = open.map(({ file: path }) => path)
  return unless(list, 'no key can be read by everybody', fail, `chmod o-rwx ${list.join(' ')}`)
}

function writable({ config }: DoctorWorld) {
  const list = named(config)
    .map(({ file: path }) => path)
    .filter((path) => isOpen(path, 0o022))
  return unless(list, 'none of its files can be changed by others', warn, `chmod go-w ${list.join(' ')}`)
}

const isOpen = (path: string, bits: number): boolean => ((statOf(path)?.mode ?? 0) & bits) !== 0

function restart({ config }: DoctorWorld) {
  const path = config.source.file
  if (path === undefined) return skip('there is no file')
  try {
    const waiting = needsRestart(config, loadConfig({ file: path }))
    return unless(waiting, 'the server goes by what the file says', warn, 'systemctl restart belfry')
  } catch (error) {
    if (error instanceof ConfigError) return skip('the file cannot be used')
    throw error
  }
}

function hosts({ config }: DoctorWorld) {
  const local = config.hosts.filter(
    (host) => host === 'localhost' || isIP(host.replace(/^\[|\]$/g, '')) !== 0,
  )
  const narrow = config.hosts.filter((host) => /^(xmpp|jabber|chat)\.[^.]+\.[^.]/.test(host))
  if (local.length === config.hosts.length)
    return warn(
      `${some(local)}: accounts of a trial, which nobody elsewhere can reach`,
      'set hosts to your domain: belfry setup --domain',
    )
  if (narrow.length > 0)
    return ok(
      `${some(config.hosts)}; addresses would be shorter with the domain itself and SRV records for ${narrow[0] ?? ''}`,
    )
  return ok(some(config.hosts))
}

function admins({ config }: DoctorWorld) {
  const strange = config.admins.filter((admin) => {
    const host = Jid.tryParse(admin)?.domain
    return host === undefined || !config.hosts.includes(host)
  })
  return unless(
    strange,
    config.admins.length > 0 ? some(config.admins) : 'whoever opened the link of the start',
    warn,
    'name accounts of this server under admins',
  )
}

function contact({ config }: DoctorWorld) {
  if (config.contact.abuse.length > 0 || config.contact.admin.length > 0)
    return ok('there is whom to write to')
  return warn('nobody learns whom to write to (XEP-0157)', 'set [contact] abuse or admin')
}

function logLevel({ config: { log } }: DoctorWorld) {
  if (log.level === 'debug') return warn('debug writes a line for each stanza', 'set [log] level = "info"')
  if (log.level === 'error') return warn('warnings are not written', 'set [log] level = "info"')
  return ok(log.level)
}

function publicUrl({ config: { http } }: DoctorWorld) {
  if (http.public_url === undefined)
    return warn('links of invitations and web clients have no address', 'set [http] public_url')
  if (!http.public_url.startsWith('https:'))
    return warn(
      'people are sent to an address without TLS',
      'put a proxy with TLS before it, and https in [http] public_url',
    )
  return ok(http.public_url)
}

function uploads({ config: { upload, http } }: DoctorWorld) {
  if (!upload.enabled) return skip('files are off')
  const url = upload.url ?? http.public_url
  if (url?.startsWith('https:') || http.tls_listen.length > 0) return ok(`files go to ${upload.storage}`)
  return warn(
    'nobody can send files: there is no https address for them',
    'set [http] public_url or [upload] url, or [upload] enabled = false',
  )
}
