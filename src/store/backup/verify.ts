/** Looks whether a backup is what it was when it was made: every file by its checksum, the database by opening it. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { checkFile } from '../check.ts'
import { sums } from './files.ts'
import { DATABASE, type Manifest, readManifest } from './manifest.ts'
import { Pace, type Step } from './pace.ts'

export interface Verification {
  readonly ok: boolean
  readonly problems: readonly string[]
  readonly manifest: Manifest
}

const MOST = 20

/** @throws OutsideError for what is no backup, half of one, or one of a newer version. */
export function verifyBackup(
  directory: string,
  report: (step: Step) => void = () => {},
  rate = Infinity,
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
  const found = sums(directory, paths, new Pace(rate, report), 'comparing checksums')
  const changed = found
    .filter(({ sha256 }, at) => sha256 !== whole[at]?.sha256)
    .map(({ path }) => `${path} was changed: its checksum is another`)
  const problems = [...missing, ...changed]
  if (problems.length === 0) problems.push(...databaseProblems(directory, manifest))
  return { ok: problems.length === 0, problems: problems.slice(0, MOST), manifest }
}

function databaseProblems(directory: string, { schema }: Manifest): string[] {
  const check = checkFile(join(directory, DATABASE))
  if (!check.ok) return check.problems.map((problem) => `${DATABASE}: ${problem}`)
  return check.schema === schema
    ? []
    : [`${DATABASE} has schema ${check.schema}, its manifest says ${schema}`]
}
