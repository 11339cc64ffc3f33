/** The unit: installed, enabled, started, and what the server says then. */
import { existsSync } from 'node:fs'
import { loadConfig } from '../../config/config.ts'
import { type Result, summary } from '../../ops/doctor/run.ts'
import type { Context } from '../context.ts'
import { openDoor } from '../door.ts'
import { renderUnit } from '../systemd.ts'
import { SERVICE_USER } from '../unix-names.ts'
import { isWhole, type Machine, step } from './plan.ts'
import { PROGRAM } from './program-file.ts'

export const CONFIG_DIR = '/etc/belfry'
export const CONFIG_FILE = `${CONFIG_DIR}/belfry.toml`
export const DATA_DIR = '/var/lib/belfry'
export const UNIT_FILE = '/etc/systemd/system/belfry.service'

/** `fetches`: the server gets certificates itself, which takes port 80 or 443. */
export const unitOf = (program: string, fetches: boolean): string =>
  renderUnit(program, SERVICE_USER, fetches)

/** Parts of the machine that were written. */
export interface Changes {
  readonly unit: boolean
  readonly program: boolean
  readonly config: boolean
}

/** sd_booted(3) */
export const hasSystemd = (machine: Machine): boolean => isWhole(machine) && existsSync('/run/systemd/system')

const states = (machine: Machine, verb: 'is-active' | 'is-enabled'): boolean => {
  try {
    machine.run(['systemctl', '--quiet', verb, 'belfry'])
    return true
  } catch {
    return false
  }
}

/** `systemctl start` waits until the server has said that it is ready. False where nothing can be started here. */
export function start(machine: Machine, { unit, program, config }: Changes): boolean {
  if (!hasSystemd(machine)) {
    if (isWhole(machine)) machine.say(`systemd does not run here; start it with: ${PROGRAM} serve`)
    return false
  }
  const tell = (...words: string[]): void =>
    step(machine, `systemctl ${words.join(' ')}`, () => void machine.run(['systemctl', ...words]))
  if (unit) tell('daemon-reload')
  if (!states(machine, 'is-enabled')) tell('enable', 'belfry')
  if (!states(machine, 'is-active')) tell('start', 'belfry')
  else if (unit || program) tell('restart', 'belfry')
  else if (config) tell('reload', 'belfry')
  return !machine.dryRun
}

/** The doctor's findings, and the link of the first administrator while there is none. */
export async function whatServerSays(ctx: Context, machine: Machine): Promise<void> {
  const door = await openDoor(loadConfig({ file: CONFIG_FILE }), true)
  const { items } = await door.call<{ items: Result[] }>('GET', '/v1/doctor')
  const counts = summary(items)
  machine.say(`ready; doctor: ${counts.ok} ok, ${counts.warn} to look at, ${counts.fail} fail`)
  for (const { id, status, why, mend } of items.filter((item) => item.status === 'fail'))
    machine.say(`  ${status} ${id}: ${why} → ${mend ?? ''}`)
  if (counts.warn > 0) machine.say('  the rest: belfry doctor')
  if (ctx.out.json || items.find(({ id }) => id === 'server.admin')?.status === 'ok') return
  const link = firstAdminLink(machine)
  if (link === undefined)
    return machine.say(
      'first administrator: systemctl restart belfry makes a new link; see journalctl -u belfry',
    )
  machine.say(`first administrator, once, from this machine or through ssh -L 5280:127.0.0.1:5280: ${link}`)
}

/** The last start has printed it, and keeps no more of it than a digest. */
function firstAdminLink(machine: Machine): string | undefined {
  const lines = machine.run(['journalctl', '-u', 'belfry', '-b', '-o', 'cat', '--no-pager', '-n', '1000'])
  return [...lines.matchAll(/first admin\s+(\S+)/g)].at(-1)?.[1]
}
