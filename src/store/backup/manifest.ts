/**
 * The manifest of a backup: what is in it, made by which program, and how each file is known again. A backup is a directory
 * of this name that has one; until it is whole and on disk it has another name, and no manifest.
 */
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { basename, join, normalize } from 'node:path'
import { OutsideError } from '../../log.ts'
import { SCHEMA } from '../migrations.ts'

/** Counts changes of this format that an older program would misread; 2 is encrypted. */
export const FORMAT = 2
const PLAIN_FORMAT = 1
export const MANIFEST = 'manifest.json'
export const DATABASE = 'belfry.db'
export const UPLOADS = 'uploads'
export const CONFIG = 'config'
/** The only file of an encrypted one, beside its manifest. */
export const SEALED = 'contents.tar.age'
/** A second within a second gets a number. */
export const NAME = /^belfry-[0-9]{8}T[0-9]{6}Z(?:-[0-9]{1,3})?$/
export const UPLOAD_MODES = ['link', 'copy', 'none'] as const
export type UploadMode = (typeof UPLOAD_MODES)[number]

export interface BackupFile {
  /** Below the backup, with slashes. */
  readonly path: string
  readonly size: number
  readonly sha256: string
}

export interface Manifest {
  readonly format: number
  /** Whether all of it is in an age file that a passphrase opens; then the one file here is that. */
  readonly encrypted?: boolean
  /** Of the program. */
  readonly version: string
  readonly schema: number
  readonly hosts: readonly string[]
  /** Retention looks at backups of this data alone. */
  readonly data_dir: string
  /** ISO; what was acknowledged before is in it. */
  readonly created: string
  readonly uploads: UploadMode
  readonly config: boolean
  readonly bytes: number
  readonly files: readonly BackupFile[]
}

export const nameOf = (at: number): string =>
  `belfry-${new Date(at).toISOString().replace(/[-:]|\.\d+/g, '')}`

export const formatOf = (encrypted: boolean): number => (encrypted ? FORMAT : PLAIN_FORMAT)

/** The text of the file: the manifest, and a checksum of its own behind it. */
export function manifestText(manifest: Manifest): string {
  return `${JSON.stringify({ ...manifest, sha256: sumOf(manifest) })}\n`
}

const sumOf = (manifest: object): string =>
  createHash('sha256').update(JSON.stringify(manifest)).digest('hex')

/** @throws OutsideError with one sentence where this program cannot or must not use it. */
export function readManifest(directory: string): Manifest {
  const found = parsed(directory)
  const { format, version, schema } = found
  if (typeof format !== 'number' || format > FORMAT || (typeof schema === 'number' && schema > SCHEMA))
    throw new OutsideError(
      `${directory} was made by a newer Belfry (${String(version)}), which this one (schema ${SCHEMA}) cannot read: install that one`,
    )
  const { sha256, ...rest } = found
  if (sha256 !== sumOf(rest))
    throw new OutsideError(`${directory} was changed: its ${MANIFEST} is not as it was written`)
  // Its own checksum says that this program, or an older one, has written it.
  const manifest = rest as unknown as Manifest
  const strange = manifest.files.find(({ path }) =>
    manifest.encrypted === true ? path !== SEALED : !isInside(path),
  )
  if (strange) throw new OutsideError(`${directory} names a file outside itself: ${strange.path}`)
  return manifest
}

function parsed(directory: string): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(join(directory, MANIFEST), 'utf8')
  } catch (cause) {
    const there = statSync(directory, { throwIfNoEntry: false }) !== undefined
    const why = there ? `is no whole backup: its ${MANIFEST} cannot be read` : 'does not exist'
    throw new OutsideError(`${directory} ${why}`, { cause })
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return { ...value }
  } catch {
    // Told like any other text that is no manifest.
  }
  throw new OutsideError(`${directory} was changed: its ${MANIFEST} is not as it was written`)
}

/** A manifest that somebody else wrote must not get files written elsewhere by a restore. */
export function isInside(path: string): boolean {
  if (path.startsWith('/') || normalize(path) !== path || path.startsWith('..')) return false
  return path === DATABASE || path.startsWith(`${UPLOADS}/`) || path.startsWith(`${CONFIG}/`)
}

/** Whether a directory has the name of a whole backup. */
export const isBackupName = (path: string): boolean => NAME.test(basename(path))
