/** Steps of a set-up: each says what it would do and does it, or finds that there is nothing to do. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { CliError } from '../exit.ts'

/** A machine, or a folder that stands for one: then nothing outside of it is touched, and no service is told anything. */
export interface Machine {
  /** "/" for the machine itself. */
  readonly root: string
  readonly dryRun: boolean
  /** Asks before a file that somebody changed is replaced; false: it stays. */
  readonly replaces: (file: string, difference: string) => Promise<boolean>
  readonly say: (line: string) => void
  /** Runs a program of the machine; its output. @throws CliError where it fails. */
  readonly run: (command: readonly string[]) => string
}

export const isWhole = ({ root }: Machine): boolean => root === '/'

/** A path of the machine, below `root` (a test's directory, else "/"). */
export const at = ({ root }: Pick<Machine, 'root'>, path: string): string => join(root, path)

export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** Tells what is done, or would be. */
export function step(machine: Machine, text: string, act: () => void): void {
  machine.say(machine.dryRun ? `would: ${text}` : text)
  if (!machine.dryRun) act()
}

/** With this mode and owner, whoever made it. */
export function directory(machine: Machine, path: string, mode: number, owner: Owner): void {
  const full = at(machine, path)
  const stat = statSync(full, { throwIfNoEntry: false })
  if (stat && !stat.isDirectory()) throw new CliError(`${full} is there and is no directory`)
  if (!stat)
    step(machine, `make ${path} (${mode.toString(8)})`, () => mkdirSync(full, { recursive: true, mode }))
  setOwner(machine, path, mode, owner)
}

/** Mode and owner where they differ. Only root can give files away; in a folder of somebody else's they stay his. */
export function setOwner(machine: Machine, path: string, mode: number, owner: Owner): void {
  const full = at(machine, path)
  const stat = statSync(full, { throwIfNoEntry: false })
  if (!stat) return
  const isOwned = process.getuid?.() !== 0 || (stat.uid === owner.uid && stat.gid === owner.gid)
  if ((stat.mode & 0o777) === mode && isOwned) return
  step(machine, `let ${path} have mode ${mode.toString(8)} and owner ${owner.uid}:${owner.gid}`, () => {
    chmodSync(full, mode)
    if (process.getuid?.() === 0) chownSync(full, owner.uid, owner.gid)
  })
}

export interface Wanted {
  readonly path: string
  readonly content: string | Uint8Array
  readonly mode: number
  readonly owner: Owner
}

/** Whole or not at all; what is there and differs is shown and asked about. True if it was written. */
export async function file(machine: Machine, wanted: Wanted): Promise<boolean> {
  const { path, content, mode, owner } = wanted
  const full = at(machine, path)
  const there = existsSync(full) ? readFileSync(full) : undefined
  const fresh = Buffer.from(content)
  if (there?.equals(fresh)) {
    setOwner(machine, path, mode, owner)
    return false
  }
  if (there && !(await machine.replaces(path, difference(there, fresh)))) {
    machine.say(`${path} stays as it is`)
    setOwner(machine, path, mode, owner)
    return false
  }
  step(machine, `${there ? 'replace' : 'write'} ${path} (${mode.toString(8)})`, () => {
    mkdirSync(dirname(full), { recursive: true })
    const beside = `${full}.new`
    rmSync(beside, { force: true })
    writeFileSync(beside, fresh, { mode: 0o600, flag: 'wx' })
    chmodSync(beside, mode)
    if (process.getuid?.() === 0) chownSync(beside, owner.uid, owner.gid)
    renameSync(beside, full)
  })
  return true
}

/** Lines that only one of them has. */
function difference(there: Buffer, fresh: Buffer): string {
  if (there.includes(0) || fresh.includes(0)) return `${there.length} bytes there, ${fresh.length} new`
  const [old, next] = [there, fresh].map((bytes) => bytes.toString().split('\n'))
  const gone = old?.filter((line) => !next?.includes(line)).map((line) => `- ${line}`) ?? []
  const come = next?.filter((line) => !old?.includes(line)).map((line) => `+ ${line}`) ?? []
  return [...gone, ...come].slice(0, 40).join('\n')
}
