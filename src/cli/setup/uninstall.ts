/** The way back: unit and executable go, configuration and data stay unless it is said that they go too. */
import { existsSync, rmSync } from 'node:fs'
import type { Context } from '../context.ts'
import { SERVICE_USER, userId } from '../unix-names.ts'
import { at, isWhole, type Machine, step } from './plan.ts'
import { PROGRAM } from './program-file.ts'
import { CONFIG_DIR, DATA_DIR, hasSystemd, UNIT_FILE } from './service.ts'

export async function uninstall(ctx: Context, machine: Machine, purge: boolean): Promise<void> {
  const there = (path: string): boolean => existsSync(at(machine, path))
  const gone = [UNIT_FILE, PROGRAM, ...(purge ? [CONFIG_DIR, DATA_DIR] : [])].filter(there)
  const kept = purge ? [] : [CONFIG_DIR, DATA_DIR].filter(there)
  const hasUser = purge && isWhole(machine) && userId(SERVICE_USER) !== undefined
  if (gone.length === 0 && !hasUser) return ctx.out.done('there is nothing to remove', { removed: [], kept })
  machine.say(`to be removed: ${gone.join(', ')}${hasUser ? `, the user ${SERVICE_USER}` : ''}`)
  if (kept.length > 0) machine.say(`stays: ${kept.join(', ')}; --purge removes that too, with every message`)
  if (!machine.dryRun) await ctx.confirm(purge ? 'Remove it, messages and keys included?' : 'Remove it?')
  const tell = (...command: string[]): void =>
    step(machine, command.join(' '), () => void machine.run(command))
  if (hasSystemd(machine) && there(UNIT_FILE)) tell('systemctl', 'disable', '--now', 'belfry')
  for (const path of gone)
    step(machine, `remove ${path}`, () => rmSync(at(machine, path), { recursive: true }))
  if (hasSystemd(machine)) tell('systemctl', 'daemon-reload')
  if (hasUser) tell('userdel', SERVICE_USER)
  ctx.out.done(machine.dryRun ? 'nothing was done' : 'removed', { removed: machine.dryRun ? [] : gone, kept })
}
