import type { Command } from 'commander'
import unit from '../packaging/belfry.service' with { type: 'text' }
import type { ContextOf } from './context.ts'

/** The unit with the place of this executable and, if it differs, the user. */
export function renderUnit(binary: string, user: string): string {
  return unit
    .replace('ExecStart=/usr/bin/belfry', () => `ExecStart=${binary}`)
    .replace('User=belfry', () => `User=${user}`)
    .replace('Group=belfry', () => `Group=${user}`)
}

/** Run from source, the runtime's own path would be useless in a unit. */
const ownPath = (): string => (process.execPath.endsWith('/bun') ? '/usr/local/bin/belfry' : process.execPath)

export function addSystemd(program: Command, context: ContextOf): void {
  program
    .command('systemd')
    .description('print a hardened systemd unit')
    .option('--binary <path>', 'where the executable is installed', ownPath())
    .option('--user <name>', 'the user that runs it', 'belfry')
    .action((options: { binary: string; user: string }) =>
      context().out.text(renderUnit(options.binary, options.user)),
    )
}
