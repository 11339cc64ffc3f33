/** Backups of the data: made when asked for and by the clock, listed, removed when they are old, and missed when they fail. */
import { existsSync, mkdirSync, openSync, readdirSync, statfsSync, statSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import { getLogger, OutsideError } from '../log.ts'
import { backupBytes, backupSuccess } from '../metrics/metrics.ts'
import type { OpenFile } from '../store/backup/copy-database.ts'
import {
  isBackupName,
  type Manifest,
  nameOf,
  readManifest,
  type UploadMode,
} from '../store/backup/manifest.ts'
import type { Clock } from '../store/clock.ts'
import { carryOut } from '../store/maintenance.ts'
import type { RunTrip } from '../store/tx.ts'
import { databaseFile } from './data-dir.ts'
import type { Job, Jobs } from './jobs.ts'
import { readPassphrase } from './passphrase.ts'

const log = getLogger('backup')

export interface BackupEntry extends Omit<Manifest, 'files' | 'format'> {
  readonly name: string
  readonly files: number
}

export interface BackupParts {
  readonly config: Config
  readonly clock: Clock
  readonly run: RunTrip
  readonly jobs: Jobs
  readonly version: string
}

export interface BackupWish {
  readonly uploads?: UploadMode | undefined
  /** Files of the operator's that go with it. */
  readonly config?: readonly string[]
  /** By default that of [backup] passphrase_file. */
  readonly passphrase?: string | undefined
}

/** Milliseconds between two looks at the clock, and after a failure. */
const LOOK_MS = 60_000
const AGAIN_MS = 3_600_000
/** Bytes that a backup leaves free. */
const SPARE = 64 << 20

export const backupDirectory = ({ data_dir: dataDir, backup }: Pick<Config, 'data_dir' | 'backup'>): string =>
  resolve(dataDir, backup.dir ?? 'backups')

export class Backups {
  readonly #parts: BackupParts
  readonly #startedAt: number
  /** Manifests do not change: each is read once. */
  readonly #known = new Map<string, BackupEntry | undefined>()
  #failedAt = Number.NEGATIVE_INFINITY

  constructor(parts: BackupParts) {
    this.#parts = parts
    this.#startedAt = parts.clock.now()
  }

  get directory(): string {
    return backupDirectory(this.#parts.config)
  }

  /** Whole ones, the newest first. */
  list(): BackupEntry[] {
    if (!existsSync(this.directory)) return []
    return readdirSync(this.directory)
      .filter(isBackupName)
      .sort()
      .reverse()
      .flatMap((name) => this.#entry(name) ?? [])
  }

  #entry(name: string): BackupEntry | undefined {
    if (!this.#known.has(name)) this.#known.set(name, this.#read(name))
    return this.#known.get(name)
  }

  #read(name: string): BackupEntry | undefined {
    try {
      const { format: _, files, ...manifest } = readManifest(join(this.directory, name))
      return { name, ...manifest, files: files.length }
    } catch (error) {
      log.warn('a backup cannot be used', { name, error })
      return undefined
    }
  }

  /** Of this data, the newest first. */
  #own(): BackupEntry[] {
    return this.list().filter((entry) => entry.data_dir === this.#parts.config.data_dir)
  }

  /** Whether something is there by that name, whole or not. */
  has(name: string): boolean {
    return isBackupName(name) && existsSync(join(this.directory, name))
  }

  /** @throws JobRunning, OutsideError */
  create({ uploads, config: files = [], passphrase = this.#passphrase() }: BackupWish = {}): Job {
    const { config, clock, jobs, version } = this.#parts
    const { data_dir, hosts, backup } = config
    const mode = uploads ?? backup.uploads
    const database = openForGood(databaseFile(data_dir))
    this.#needRoom(database.file, passphrase === undefined ? [this.directory] : [data_dir, this.directory])
    const now = clock.now()
    const name = this.#freeName(nameOf(now))
    const previous = this.#own()[0]
    return jobs.start(
      'backup',
      (told) =>
        carryOut(
          {
            ...{ kind: 'backup', database, data_dir, directory: this.directory, name, version, hosts },
            ...{ created: new Date(now).toISOString(), uploads: mode, config: files, rate: backup.rate },
            ...{ passphrase, previous: previous && join(this.directory, previous.name) },
          },
          told,
        ),
      async ({ bytes }) => {
        const seconds = Math.round((clock.now() - now) / 1000)
        const config = files.length > 0
        const encrypted = passphrase !== undefined
        await this.#note('backup made', { name, bytes, seconds, uploads: mode, config, encrypted })
        this.measure()
      },
    )
  }

  /** @throws JobRunning, OutsideError */
  verify(name: string, passphrase = this.#passphrase()): Job {
    const directory = join(this.directory, name)
    const { data_dir: scratch, backup } = this.#parts.config
    const opening = passphrase === undefined ? undefined : { passphrase, scratch }
    return this.#parts.jobs.start('verification', (told) =>
      carryOut({ kind: 'verify', directory, rate: backup.rate, opening }, told),
    )
  }

  /** @throws OutsideError */
  #passphrase(): string | undefined {
    const { passphrase_file: file } = this.#parts.config.backup
    return file === undefined ? undefined : readPassphrase(file)
  }

  /** False where there is none. */
  async delete(name: string): Promise<boolean> {
    if (!this.has(name)) return false
    await this.#remove(name)
    await this.#note('backup deleted', { name })
    this.measure()
    return true
  }

  async #remove(name: string): Promise<void> {
    const path = join(this.directory, name)
    // Half of it must not be taken for one either.
    await rename(path, `${path}.gone`)
    await rm(`${path}.gone`, { recursive: true, force: true })
    this.#known.delete(name)
  }

  #note(event: string, facts: Record<string, unknown>): Promise<void> {
    return this.#parts.run((t) => t.store.audit.note(event, facts))
  }

  #freeName(name: string): string {
    for (let n = 0; ; n++) {
      const free = n === 0 ? name : `${name}-${n}`
      if (!existsSync(join(this.directory, free))) return free
    }
  }

  #needRoom(file: string, directories: readonly string[]): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 })
    const log = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0
    const needs = statSync(file).size + log + SPARE
    const mb = (bytes: number): number => Math.ceil(bytes / 1024 ** 2)
    for (const directory of directories) {
      const { bavail, bsize } = statfsSync(directory)
      const free = bavail * bsize
      if (free >= needs) continue
      throw new OutsideError(
        `${directory} has ${mb(free)} MB free, and a backup needs ${mb(needs)}: make room, or set [backup] dir`,
      )
    }
  }

  /** Makes them by the clock where [backup] every says so; returns what ends that. */
  start(): () => void {
    this.measure()
    const { config, clock, jobs } = this.#parts
    if (!Number.isFinite(config.backup.every)) return () => jobs.stop()
    let cancel = (): void => {}
    const look = (): void => {
      cancel = clock.after(LOOK_MS, look)
      if (this.#isDue()) this.#makeOne()
    }
    look()
    return () => {
      cancel()
      jobs.stop()
    }
  }

  #isDue(): boolean {
    const { clock, config, jobs } = this.#parts
    const now = clock.now()
    if (jobs.running || now - this.#failedAt < Math.min(AGAIN_MS, config.backup.every)) return false
    const last = this.#own()[0]
    return !last || now - Date.parse(last.created) >= config.backup.every
  }

  #makeOne(): void {
    const { clock } = this.#parts
    try {
      const job = this.create()
      void job.over.then(() => {
        if (job.state === 'failed') this.#failedAt = clock.now()
        else this.#removeOld().catch((error: unknown) => log.error('old backups stay', { error }))
      })
    } catch (error) {
      this.#failedAt = clock.now()
      log.error('the backup failed', { error })
    }
  }

  /** By age and by number; never the newest. */
  async #removeOld(): Promise<void> {
    const { clock, config } = this.#parts
    const { keep, most } = config.backup
    const old = this.#own().filter(
      ({ created }, at) => at > 0 && (at >= most || clock.now() - Date.parse(created) > keep),
    )
    for (const { name } of old) {
      await this.#remove(name)
      log.info('an old backup was removed', { name })
    }
  }

  /** Sentences for the operator, where backups are made by the clock and the last is twice as old as it may be. */
  alarms(): string[] {
    const { clock, config } = this.#parts
    const { every } = config.backup
    if (!Number.isFinite(every)) return []
    const last = this.#own()[0]
    const age = clock.now() - (last ? Date.parse(last.created) : this.#startedAt)
    if (age <= 2 * every) return []
    const hours = Math.floor(age / 3_600_000)
    return [last ? `the last backup is ${hours} h old` : `no backup was made for ${hours} h`]
  }

  measure(): void {
    const [last] = this.#own()
    backupSuccess.set(last ? Date.parse(last.created) / 1000 : 0)
    backupBytes.set(last?.bytes ?? 0)
  }
}

/** Descriptors of databases, for as long as the process runs; see copy-database.ts. */
const descriptors = new Map<string, { readonly fd: number; readonly inode: number }>()

function openForGood(file: string): OpenFile {
  const inode = statSync(file, { throwIfNoEntry: false })?.ino
  if (inode === undefined) throw new OutsideError(`${file} is not there, so there is nothing to copy`)
  const known = descriptors.get(file)
  if (known?.inode === inode) return { file, fd: known.fd }
  const fd = openSync(file, 'r')
  descriptors.set(file, { fd, inode })
  return { file, fd }
}
