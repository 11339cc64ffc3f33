/** The user of the service, as the unit needs it: of the system, with a group of its own, and without a login. */
import { existsSync, readFileSync } from 'node:fs'
import { SERVICE_USER } from '../unix-names.ts'
import { at, isWhole, type Machine, type Owner, step } from './plan.ts'

/** passwd(5), group(5): name:x:id:… */
function idIn(machine: Machine, file: string): number | undefined {
  const path = at(machine, file)
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const id = new RegExp(`^${SERVICE_USER}:[^:]*:(\\d+):`, 'm').exec(text)?.[1]
  return id === undefined ? undefined : Number(id)
}

/** Makes it where it is missing. In a folder that has none, files are those of who writes them. */
export function serviceOwner(machine: Machine): Owner {
  const known = (): Owner | undefined => {
    const [uid, gid] = [idIn(machine, '/etc/passwd'), idIn(machine, '/etc/group')]
    return uid === undefined || gid === undefined ? undefined : { uid, gid }
  }
  const there = known()
  if (there) return there
  const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  if (!isWhole(machine)) return self
  step(machine, `make the user ${SERVICE_USER}`, () => {
    machine.run([
      'useradd',
      '--system',
      '--user-group',
      '--no-create-home',
      '--home-dir',
      '/var/lib/belfry',
      '--shell',
      '/usr/sbin/nologin',
      SERVICE_USER,
    ])
  })
  return known() ?? self
}
