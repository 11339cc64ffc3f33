/** Looks whether a backup is what it was when it was made: every file by its checksum, the database by opening it. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { checkFile } from '../check.ts'
import { sums } from './files.ts'
import { DATABASE, type Manifest, readManifest } from './manifest.ts'
import { Pace, type Step } from './pace.ts'
import { unseal, workroom } from './sealed.ts'

export interface Verification {
  readonly ok: boolean
  readonly problems: readonly string[]
  /** Of an encrypted one that was opened, the manifest inside. */
  readonly manifest: Manifest
  /** False where an encrypted one was compared with its checksum alone. */
  readonly opened: boolean
}

export interface Opening {
  readonly passphrase: string
  /** Directory in which the database may lie, not encrypted, while it is looked at. */
  readonly scratch: string
}

const MOST = 20

/** @throws OutsideError for what is no backup, half of one, or one of a newer version. */
export function verifyBackup(
  directory: string,
  report: (step: Step) => void = () => {},
  { rate = Infinity, opening }: { rate?: number; opening?: Opening | undefined } = {},
): Verification {
  const manifest = readManifest(directory)
  const sizeNow = (path: string): number | undefined =>
    statSync(join(directory, path), { throwIfNoEntry: false })?.size
  const missing = manifest.files.flatMap(({ path, size }) => {
    const now = sizeNow(path)
    if (now === size) return []
    return [now === undefined ? `${path} is missing` : `${path} has ${now} of ${size} bytes`]
  })
  const whole = manifest.files.filter(({ path, size }) => sizeNow(path) === size)
  const paths = whole.map(({ path }) => path)
  const pace = new Pace(rate, report)
  const found = sums(directory, paths, pace, 'comparing checksums')
  const changed = found
    .filter(({ sha256 }, at) => sha256 !== whole[at]?.sha256)
    .map(({ path }) => `${path} was changed: its checksum is another`)
  const problems = [...missing, ...changed]
  if (problems.length > 0) return verdict(problems, manifest, false)
  if (manifest.encrypted !== true) return verdict(databaseProblems(directory, manifest), manifest, true)
  return opening ? opened(directory, manifest, opening, pace) : verdict([], manifest, false)
}

const verdict = (problems: readonly string[], manifest: Manifest, isOpen: boolean): Verification => ({
  ...{ ok: problems.length === 0, problems: problems.slice(0, MOST), manifest, opened: isOpen },
})

function opened(
  directory: string,
  outside: Manifest,
  { passphrase, scratch }: Opening,
  pace: Pace,
): Verification {
  using work = workroom(scratch)
  const keep = (path: string): boolean => path === DATABASE
  const { manifest, problems } = unseal(directory, { passphrase, target: work.path, keep }, pace)
  const other = manifest.created === outside.created ? [] : [`its contents are of ${manifest.created}`]
  const found = [...other, ...problems]
  return verdict(found.length > 0 ? found : databaseProblems(work.path, manifest), manifest, true)
}

function databaseProblems(directory: string, { schema }: Manifest): string[] {
  const check = checkFile(join(directory, DATABASE))
  if (!check.ok) return check.problems.map((problem) => `${DATABASE}: ${problem}`)
  return check.schema === schema
    ? []
    : [`${DATABASE} has schema ${check.schema}, its manifest says ${schema}`]
}
