import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import unit from '../packaging/belfry.service' with { type: 'text' }
import type { ContextOf } from './context.ts'
import { CliError, EXIT } from './exit.ts'
import { groupId, SERVICE_USER, userId } from './unix-names.ts'

const UNIT_FILE = '/etc/systemd/system/belfry.service'

/**
 * The unit with the place of this executable and, if it differs, the user. `lowPorts`: it may listen below 1024 and no more,
 * for which it must be a user of the machine's own name space.
 */
export function renderUnit(binary: string, user: string, lowPorts = false): string {
  const given = lowPorts
    ? unit
        .replace(/^(CapabilityBoundingSet|AmbientCapabilities)=$/gm, '$1=CAP_NET_BIND_SERVICE')
        .replace(/^PrivateUsers=yes$/m, 'PrivateUsers=no')
    : unit
  return given
    .replaceAll('=/usr/bin/belfry ', () => `=${binary} `)
    .replace('User=belfry', () => `User=${user}`)
    .replace('Group=belfry', () => `Group=${user}`)
}

/** Run from source, the runtime's own path would be useless in a unit. */
const ownPath = (): string => (process.execPath.endsWith('/bun') ? '/usr/local/bin/belfry' : process.execPath)

interface Options {
  readonly binary: string
  readonly user: string
  readonly install?: true | string
  readonly lowPorts?: true
}

export function addSystemd(program: Command, context: ContextOf): void {
  program
    .command('systemd')
    .description('print a hardened systemd unit, or install it')
    .option('--binary <path>', 'where the executable is installed', ownPath())
    .option('--user <name>', 'the user that runs it', SERVICE_USER)
    .option('--low-ports', 'let it listen below 1024, as [acme] does')
    .option('--install [file]', `write it to ${UNIT_FILE}, or to another file`)
    .action((options: Options) => {
      const { out } = context()
      const text = renderUnit(options.binary, options.user, options.lowPorts)
      if (options.install === undefined) return out.text(text)
      const file = options.install === true ? UNIT_FILE : options.install
      if (userId(options.user) === undefined || groupId(options.user) === undefined) {
        throw new CliError(
          `there is no user with a group of its own named ${options.user}; make one with: useradd --system --user-group ${options.user}`,
        )
      }
      install(file, text)
      out.done(`${file} written; now: systemctl daemon-reload && systemctl enable --now belfry`, { file })
    })
}

/** At no moment is there a part of a unit: an empty file means to systemd that the unit is masked. */
function install(file: string, text: string): void {
  const beside = `${file}.new`
  try {
    writeFileSync(beside, text)
    // Whatever the umask is: systemd complains of units that others may write, and people want to read them.
    chmodSync(beside, 0o644)
    renameSync(beside, file)
  } catch (error) {
    rmSync(beside, { force: true })
    throw new CliError(`${file}: ${error instanceof Error ? error.message : String(error)}`, EXIT.failed)
  }
}
