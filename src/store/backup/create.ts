/**
 * Makes a backup, in a Worker: the database first and the files behind it, since a file that goes meanwhile is missed by
 * nobody, while one that came would be. What is under way has another name, so that half a backup is never taken for one.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { join, relative } from 'node:path'
import { OutsideError } from '../../log.ts'
import { checkFile } from '../check.ts'
import { copyDatabase, type OpenFile } from './copy-database.ts'
import { filesBelow, place, sums, syncDirectories, syncDirectory } from './files.ts'
import {
  CONFIG,
  DATABASE,
  formatOf,
  type Manifest,
  MANIFEST,
  manifestText,
  readManifest,
  SEALED,
  type UploadMode,
  UPLOADS,
} from './manifest.ts'
import { Pace, type Step } from './pace.ts'
import { seal, workroom } from './sealed.ts'

export interface BackupOrder {
  readonly kind: 'backup'
  readonly database: OpenFile
  readonly data_dir: string
  /** Place of all backups. */
  readonly directory: string
  readonly name: string
  readonly created: string
  readonly version: string
  readonly hosts: readonly string[]
  readonly uploads: UploadMode
  /** Files of the operator's that go with it: the configuration and what it names. */
  readonly config: readonly string[]
  /** Bytes a second. */
  readonly rate: number
  /** The newest whole one: files that both are links to have its checksums. */
  readonly previous: string | undefined
  /** Encrypts it. */
  readonly passphrase?: string | undefined
}

/** Ending of the name of what is not whole. */
const PART = '.part'

/** Of one server: two may keep their backups in one place. */
const partOf = ({ data_dir: dataDir }: Pick<BackupOrder, 'data_dir'>): string =>
  `.${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}${PART}`

export function createBackup(order: BackupOrder, report: (step: Step) => void): Manifest {
  const { directory, name } = order
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  removeParts(order)
  const part = join(directory, name + partOf(order))
  mkdirSync(part, { mode: 0o700 })
  try {
    const pace = new Pace(order.rate, report)
    const { passphrase } = order
    const manifest =
      passphrase === undefined ? fill(part, order, pace) : encrypted(part, order, passphrase, pace)
    renameSync(part, join(directory, name))
    syncDirectory(directory)
    return manifest
  } catch (error) {
    rmSync(part, { recursive: true, force: true })
    throw error
  }
}

/** The plain one is made beside the data and not beside the backups, which may be on a disk that is trusted less. */
function encrypted(part: string, order: BackupOrder, passphrase: string, pace: Pace): Manifest {
  using work = workroom(order.data_dir)
  // Links need no room while it is made; in the archive each is a copy.
  const uploads = order.uploads === 'none' ? 'none' : 'link'
  const plain = fill(work.path, { ...order, uploads }, pace, uploads === 'none' ? uploads : 'copy')
  seal(work.path, join(part, SEALED), passphrase, plain, pace)
  const files = sums(part, [SEALED], pace, 'taking checksums')
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  return write(part, { ...plain, format: formatOf(true), encrypted: true, bytes, files })
}

/** Those that a killed server has left. */
export function removeParts(order: Pick<BackupOrder, 'directory' | 'data_dir'>): void {
  for (const name of readdirSync(order.directory))
    if (name.endsWith(partOf(order))) rmSync(join(order.directory, name), { recursive: true, force: true })
}

function fill(part: string, order: BackupOrder, pace: Pace, told: UploadMode = order.uploads): Manifest {
  const { database, version, hosts, data_dir: dataDir, created, uploads, config } = order
  copyDatabase(database, join(part, DATABASE), pace)
  const { problems, schema } = checkFile(join(part, DATABASE))
  if (problems.length > 0) throw new OutsideError(`the database is damaged: ${problems.join('; ')}`)
  if (uploads !== 'none') placeUploads(join(dataDir, UPLOADS), join(part, UPLOADS), uploads, pace)
  for (const file of config) place(file, join(part, CONFIG, relative('/', file)), false)
  const files = sums(part, filesBelow(part), pace, 'taking checksums', knownSums(part, order.previous))
  return write(part, {
    ...{ format: formatOf(false), version, schema, hosts, data_dir: dataDir, created, uploads: told },
    config: config.length > 0,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    files,
  })
}

function write(part: string, manifest: Manifest): Manifest {
  writeFileSync(join(part, MANIFEST), manifestText(manifest), { mode: 0o600, flush: true })
  syncDirectories(part)
  return manifest
}

function placeUploads(source: string, target: string, mode: UploadMode, pace: Pace): void {
  // An upload that is under way has no row yet.
  const files = filesBelow(source).filter((path) => !path.endsWith(PART))
  files.forEach((path, at) => {
    const there = place(join(source, path), join(target, path), mode === 'link')
    const bytes = there && mode === 'copy' ? statSync(join(target, path)).size : 0
    const step = { label: 'files', done: at + 1, total: files.length }
    if (bytes > 0) pace.piece(bytes, step)
    else pace.tell(step)
  })
}

/** Reading every file of years once a day would be a burden: what is the same file as in the backup before has its checksum. */
function knownSums(part: string, previous: string | undefined): (path: string) => string | undefined {
  if (previous === undefined) return () => undefined
  let sumsBefore: Map<string, string>
  try {
    sumsBefore = new Map(readManifest(previous).files.map(({ path, sha256 }) => [path, sha256]))
  } catch {
    // Whatever is wrong with that one is told by its own verification.
    return () => undefined
  }
  return (path) => {
    const now = statSync(join(part, path))
    const before = statSync(join(previous, path), { throwIfNoEntry: false })
    const same = now.nlink > 1 && before?.ino === now.ino && before.dev === now.dev
    return same ? sumsBefore.get(path) : undefined
  }
}
