/**
 * Puts a backup in the place of the data. It is looked at before anything is touched, brought into the data directory as a
 * whole, and only then changes places with what is there, which is moved aside and never deleted.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { databaseFile, unfinishedRestore } from '../ops/data-dir.ts'
import { lockData } from '../server/core.ts'
import { actingAs } from '../store/audit.ts'
import { place, sumOf, syncDirectories, syncDirectory } from '../store/backup/files.ts'
import { DATABASE, type Manifest, readManifest, SEALED, UPLOADS } from '../store/backup/manifest.ts'
import { Pace } from '../store/backup/pace.ts'
import { unseal, workroom } from '../store/backup/sealed.ts'
import { verified } from './backup-verify.ts'
import type { Context } from './context.ts'
import { CliError } from './exit.ts'
import { openStopped } from './data.ts'

/** The database with its log, and what Litestream keeps of the one that goes. */
const DATABASE_FILES = [DATABASE, `${DATABASE}-wal`, `${DATABASE}-shm`, '.belfry.db-litestream']

export interface Wish {
  readonly dryRun: boolean
  readonly passphrase: string | undefined
}

export async function restore(ctx: Context, path: string, { dryRun, passphrase }: Wish): Promise<void> {
  const { config, out } = ctx
  const { problems, manifest, opened } = verified(path, config, passphrase)
  if (problems.length === 0 && !opened)
    throw new CliError(`${path} is encrypted: give --passphrase-file FILE`)
  if (problems.length > 0)
    throw new CliError(`${path} is not restored: ${problems.join('; ')}`, 1, { problems })
  const { data_dir: dataDir } = config
  const parts = manifest.uploads === 'none' ? DATABASE_FILES : [...DATABASE_FILES, UPLOADS]
  const aside = join(dataDir, `before-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}`)
  const moved = parts.filter((name) => existsSync(join(dataDir, name)))
  const facts = { backup: path, created: manifest.created, hosts: manifest.hosts, data_dir: dataDir }
  const lost = config.hosts.filter((host) => !manifest.hosts.includes(host))
  if (lost.length > 0) out.warn(`the backup has no accounts of ${lost.join(', ')}`)
  if (dryRun) {
    if (existsSync(dataDir)) await locked(dataDir, out, () => {})
    return out.done(
      `would put ${path} into ${dataDir}${moved.length > 0 ? `, and move ${moved.join(', ')} to ${aside}` : ''}`,
      { dry_run: true, ...facts, moved, aside: moved.length > 0 ? aside : null },
    )
  }
  await ctx.confirm(`Put ${path} (${manifest.created}) in the place of what is in ${dataDir}?`)
  const isEncrypted = readManifest(path).encrypted === true
  await locked(dataDir, out, () => {
    using plain = plainOf(path, dataDir, isEncrypted ? passphrase : undefined)
    exchange(plain.path, manifest, dataDir, moved, aside)
  })
  await opens(ctx, path, manifest)
  const where = moved.length > 0 ? `; what was there is in ${aside}` : ''
  out.done(`${dataDir} is as of ${manifest.created}${where}`, {
    ...{ ...facts, moved, aside: moved.length > 0 ? aside : null },
  })
  if (manifest.config) {
    const where = isEncrypted ? `age -d ${path}/${SEALED} | tar -x config` : `${path}/config`
    out.warn(`configuration and keys stay as they are; those of the backup: ${where}`)
  }
}

/** The backup itself, or what is in an encrypted one, for as long as it is needed. */
function plainOf(
  path: string,
  dataDir: string,
  passphrase: string | undefined,
): { readonly path: string } & Disposable {
  if (passphrase === undefined) return { path, [Symbol.dispose]() {} }
  const work = workroom(dataDir)
  try {
    const { problems } = unseal(path, { passphrase, target: work.path, keep: () => true }, new Pace(Infinity))
    if (problems.length > 0) throw new CliError(`${path} became another: ${problems.join('; ')}`)
    return work
  } catch (error) {
    work[Symbol.dispose]()
    throw error
  }
}

async function locked(dataDir: string, out: Context['out'], work: () => void): Promise<void> {
  await using opened = new AsyncDisposableStack()
  lockData(dataDir, (warning) => out.warn(warning), opened)
  work()
}

function exchange(
  path: string,
  manifest: Manifest,
  dataDir: string,
  moved: readonly string[],
  aside: string,
): void {
  const fresh = join(dataDir, 'restoring')
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { mode: 0o750 })
  bringIn(path, manifest, fresh)
  const mode = statSync(databaseFile(dataDir), { throwIfNoEntry: false })?.mode ?? 0o640
  chmodSync(join(fresh, DATABASE), mode & 0o777)
  belongTo(fresh, dataDir)
  syncDirectories(fresh)
  // From here until it is gone no server starts: it would find a database without its log, or none and begin anew.
  const mark = unfinishedRestore(dataDir)
  writeFileSync(mark, `${aside}\n`, { flush: true })
  syncDirectory(dataDir)
  if (moved.length > 0) mkdirSync(aside, { mode: 0o750 })
  for (const name of moved) renameSync(join(dataDir, name), join(aside, name))
  for (const name of readdirSync(fresh)) renameSync(join(fresh, name), join(dataDir, name))
  if (moved.length > 0) belongTo(aside, dataDir)
  rmSync(fresh, { recursive: true })
  syncDirectory(dataDir)
  rmSync(mark)
  syncDirectory(dataDir)
  // Files that root has made here belong to the service, the lock too.
  for (const name of ['lock.db', 'belfry.pid']) belongTo(join(dataDir, name), dataDir)
}

/** The database as a copy, since it will be written to; files as links where that is possible: they never change. */
function bringIn(path: string, { files, uploads }: Manifest, fresh: string): void {
  for (const file of files) {
    const isDatabase = file.path === DATABASE
    if (!isDatabase && !file.path.startsWith(`${UPLOADS}/`)) continue
    place(join(path, file.path), join(fresh, file.path), !isDatabase)
  }
  if (uploads !== 'none') mkdirSync(join(fresh, UPLOADS), { recursive: true, mode: 0o750 })
  const sum = files.find((file) => file.path === DATABASE)?.sha256
  if (sumOf(join(fresh, DATABASE)) !== sum)
    throw new CliError(`${DATABASE} became another while it was copied`)
}

/** Owner and group of the data directory for a tree that root has made; directories are open to the group. */
function belongTo(root: string, dataDir: string): void {
  if (!existsSync(root)) return
  const { uid, gid } = statSync(dataDir)
  const isDirectory = statSync(root).isDirectory()
  const inner = isDirectory ? readdirSync(root, { recursive: true, encoding: 'utf8' }) : []
  for (const file of [root, ...inner.map((name) => join(root, name))]) {
    if (statSync(file).isDirectory()) chmodSync(file, 0o750)
    if (process.getuid?.() === 0) chownSync(file, uid, gid)
  }
}

/** The start that follows is tried here already, and the new data knows where it came from. */
async function opens({ config }: Context, path: string, manifest: Manifest): Promise<void> {
  await using opened = new AsyncDisposableStack()
  const { router } = openStopped(config, opened)
  const { created, version } = manifest
  await actingAs({ by: 'operator', door: 'command line' }, () =>
    router.run((t) => t.store.audit.note('backup restored', { backup: path, created, version })),
  )
}
