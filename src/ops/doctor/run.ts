/** The examination: every check that was asked for, some at a time, each within its time. */
import { maskAddresses } from '../../net/mask-address.ts'
import { nearest } from '../../config/problems.ts'
import { CHECKS } from './checks.ts'
import { type DoctorCheck, type DoctorWorld, type Finding, type Need, skip, warn } from './check.ts'

export interface Result extends Finding {
  readonly id: string
}

/** Checks under way at a time: most wait for somebody else. */
const AT_ONCE = 8
/** Milliseconds; below the minute that a command waits for the server, however many checks wait that long. */
export const WITHIN = 5_000

/** Ids, or beginnings of them that end where a word ends: "tls", "tls.days". */
export function chosen(only: readonly string[] | undefined, checks = CHECKS): DoctorCheck[] {
  if (!only) return [...checks]
  return checks.filter(({ id }) => only.some((name) => id === name || id.startsWith(`${name}.`)))
}

/** The names in `only` that mean no check, each with the one that may have been meant. */
export function unknownNames(only: readonly string[], checks = CHECKS): string[] {
  const known = [...new Set(checks.flatMap(({ id }) => [id, id.split('.')[0] ?? '']))]
  return only
    .filter((name) => chosen([name], checks).length === 0)
    .map((name) => {
      const guess = nearest(name, known)
      return guess === undefined ? name : `${name} — did you mean ${guess}?`
    })
}

export async function examine(
  world: DoctorWorld,
  checks: readonly DoctorCheck[],
  within = WITHIN,
): Promise<Result[]> {
  const results: Result[] = []
  let next = 0
  const work = async (): Promise<void> => {
    for (let at = next++; at < checks.length; at = next++) {
      const check = checks[at]
      if (!check) return
      const { status, why, mend } = await lookAt(world, check, within)
      const said = { id: check.id, status, why: oneLine(why) }
      results[at] = mend === undefined ? said : { ...said, mend: oneLine(mend) }
      // Looks at files do not wait for anything: others get their turn in between.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return results
}

/** Findings come from files and from strangers; addresses in it may carry passwords. */
const oneLine = (text: string): string => maskAddresses(text.replace(/\s*\n\s*/g, ' ').trim())

async function lookAt(world: DoctorWorld, check: DoctorCheck, within: number): Promise<Finding> {
  const lacking = check.needs?.map((need) => lack(world, need)).find((why) => why !== undefined)
  if (lacking !== undefined) return skip(lacking)
  let cancel = (): void => {}
  const late = new Promise<Finding>((resolve) => {
    const timer = setTimeout(() => {
      resolve(warn(`no answer within ${within / 1000} s`, 'look again when the machine is less busy'))
    }, within)
    cancel = () => clearTimeout(timer)
  })
  try {
    return await Promise.race([check.look(world), late])
  } catch (error) {
    // A fault of one must not hide what the others found.
    const why = error instanceof Error ? error.message : String(error)
    return warn(`could not be looked at: ${why}`, 'mend what it names, then look again')
  } finally {
    cancel()
  }
}

function lack({ problems, offline, live }: DoctorWorld, need: Need): string | undefined {
  if (need === 'config' && problems.length > 0) return 'the configuration cannot be used'
  if (need === 'network' && offline) return 'nobody is asked offline'
  if (need === 'server' && !live) return offline ? 'no server is asked offline' : 'the server is stopped'
  return undefined
}

export interface Summary {
  readonly ok: number
  readonly warn: number
  readonly fail: number
  readonly skip: number
}

export function summary(results: readonly Result[]): Summary {
  const count = (status: string): number => results.filter((result) => result.status === status).length
  return { ok: count('ok'), warn: count('warn'), fail: count('fail'), skip: count('skip') }
}
