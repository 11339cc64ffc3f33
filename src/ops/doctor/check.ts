/** Checks of a server and of the machine below it: a look at facts that ends in one word, why, and how to mend it. */
import { existsSync, readdirSync, readFileSync, statSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../config/config.ts'
import type { ProbeResult } from '../../push/apns/probe.ts'
import type { LaneState } from '../../push/outbox/queue.ts'
import type { Check } from '../readiness.ts'
import type { Names } from './names.ts'

/** `skip`: it could not be looked at, or there is nothing to look at. */
export type Status = 'ok' | 'warn' | 'fail' | 'skip'

export interface Finding {
  readonly status: Status
  /** One line. */
  readonly why: string
  /** One line, where there is something to mend. */
  readonly mend?: string
}

/** `config`: one that can be read. `server`: a running one. `network`: asks somebody outside this machine. */
export type Need = 'config' | 'server' | 'network'

export interface DoctorCheck {
  /** The area, a dot, and its own name: an interface, as scripts name it. */
  readonly id: string
  readonly needs?: readonly Need[]
  readonly look: (w: DoctorWorld) => Finding | Promise<Finding>
}

/** Facts that only the running server has. Times in ms. */
export interface Live {
  readonly version: string
  readonly uptime: number
  readonly readiness: readonly Check[]
  readonly alarms: readonly string[]
  readonly lanes: readonly LaneState[]
  /** Since when a push is due that has not been sent. */
  readonly oldestPush: number | undefined
  readonly deadLetters: number
  readonly devices: number
  readonly sessions: number
  readonly bans: number
  readonly hasAdmin: boolean
  /** Addresses of `admins` that have no account. */
  readonly adminsWithoutAccount: readonly string[]
  /** Accounts whose offline box is full, and those with as many unread messages as are counted. */
  readonly crowded: () => Promise<{ readonly boxes: number; readonly unread: number }>
  /** Asks Apple about each app. */
  readonly probe: () => Promise<readonly ProbeResult[]>
}

export interface DoctorWorld {
  /** Defaults where the file cannot be used. */
  readonly config: Config
  /** Why the file cannot be used. */
  readonly problems: readonly string[]
  readonly now: number
  /** A folder in the place of "/", below which /proc, /etc and /run are looked for. */
  readonly root: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly uid: number
  /** Only the machine is looked at: no server, no DNS, no Apple is asked. */
  readonly offline: boolean
  readonly live?: Live
  readonly names: Names
}

export const ok = (why: string): Finding => ({ status: 'ok', why })
export const warn = (why: string, mend: string): Finding => ({ status: 'warn', why, mend })
export const fail = (why: string, mend: string): Finding => ({ status: 'fail', why, mend })
export const skip = (why: string): Finding => ({ status: 'skip', why })

/** `good` where there is nothing in the list, else what `bad` makes of it. */
export const unless = (
  found: readonly string[],
  good: string,
  bad: typeof warn | typeof fail,
  mend: string,
): Finding => (found.length === 0 ? ok(good) : bad(some(found), mend))

/** A list that stays one line. */
export function some(list: readonly string[], most = 4): string {
  const rest = list.length - most
  return rest > 0 ? `${list.slice(0, most).join(', ')} and ${rest} more` : list.join(', ')
}

export const megabytes = (bytes: number): string =>
  bytes >= 10 * 1024 ** 3 ? `${Math.floor(bytes / 1024 ** 3)} GB` : `${Math.floor(bytes / 1024 ** 2)} MB`

export const octal = (mode: number): string => (mode & 0o777).toString(8).padStart(3, '0')

/** Text of a file of the machine's; undefined where it is not there or not for us. */
export function readSystem({ root }: Pick<DoctorWorld, 'root'>, path: string): string | undefined {
  return readText(join(root, path))
}

export function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

export const isInSystem = ({ root }: Pick<DoctorWorld, 'root'>, path: string): boolean =>
  existsSync(join(root, path))

export function listOf(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

export function statOf(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}
