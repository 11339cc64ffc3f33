/** The data directory: whose it is, what lies below it, and the disk that it is on. */
import { accessSync, constants, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ballastFile } from '../ballast.ts'
import { adminSocket, unfinishedRestore } from '../data-dir.ts'
import {
  type DoctorCheck,
  type DoctorWorld,
  fail,
  megabytes,
  octal,
  ok,
  skip,
  statOf,
  unless,
  warn,
} from './check.ts'

export const DATA_CHECKS: readonly DoctorCheck[] = [
  { id: 'data.directory', needs: ['config'], look: directory },
  { id: 'data.mode', needs: ['config'], look: mode },
  { id: 'data.owner', needs: ['config'], look: owner },
  { id: 'data.files', needs: ['config'], look: files },
  { id: 'data.filesystem', needs: ['config'], look: filesystem },
  { id: 'data.space', needs: ['config'], look: space },
  { id: 'data.inodes', needs: ['config'], look: inodes },
  { id: 'data.ballast', needs: ['config'], look: ballast },
  { id: 'data.restore', needs: ['config'], look: restore },
  { id: 'data.uploads', needs: ['config'], look: uploads },
  { id: 'data.socket', needs: ['config'], look: socket },
]

const MISSING = 'there is none yet'
/** Bytes: below the first SQLite cannot grow its log for long; below the second it is time to look for room. */
const LEAST_FREE = 32 << 20
const FEW_FREE = 1 << 30
/** ms after a start by which the ballast is there. */
const BALLAST_COMES = 180_000

function directory({ config: { data_dir: dir } }: DoctorWorld) {
  const stat = statOf(dir)
  if (!stat) return warn(`${dir} is not there; the start makes it`, 'belfry setup, or start the server')
  if (!stat.isDirectory()) return fail(`${dir} is no directory`, 'set data_dir to a directory')
  try {
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK)
    return ok(dir)
  } catch (error) {
    return fail(
      `${dir} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      `chown belfry:belfry ${dir}, and let its file system be writable`,
    )
  }
}

function mode({ config: { data_dir: dir } }: DoctorWorld) {
  const stat = statOf(dir)
  if (!stat) return skip(MISSING)
  return (stat.mode & 0o027) === 0
    ? ok(`mode ${octal(stat.mode)}`)
    : fail(`${dir} is open to others (${octal(stat.mode)})`, `chmod 750 ${dir}`)
}

/** Names that the server writes itself; what others put there is theirs. */
const OWN = [
  'belfry.db',
  'belfry.db-wal',
  'belfry.db-shm',
  'lock.db',
  'belfry.pid',
  'ballast',
  'uploads',
  'tls',
  'backups',
  'restore-unfinished',
]

function owner({ config: { data_dir: dir } }: DoctorWorld) {
  const stat = statOf(dir)
  if (!stat) return skip(MISSING)
  const strange = OWN.filter((name) => (statOf(join(dir, name))?.uid ?? stat.uid) !== stat.uid)
  return unless(strange, `all of it belongs to user ${stat.uid}`, fail, `chown -R --reference=${dir} ${dir}`)
}

function files({ config: { data_dir: dir } }: DoctorWorld) {
  if (!statOf(dir)) return skip(MISSING)
  const open = [...OWN.slice(0, 5), 'tls/self-signed.key'].filter(
    (name) => ((statOf(join(dir, name))?.mode ?? 0) & 0o007) !== 0,
  )
  // The directory above keeps others out; a copy of them elsewhere would not.
  return unless(
    open,
    'nobody else may read or change them',
    warn,
    `chmod o-rwx ${open.map((name) => join(dir, name)).join(' ')}`,
  )
}

/** statfs(2): file systems on which SQLite's locks and its shared memory cannot be relied on, and one that is memory. */
const NETWORK: Readonly<Record<number, string>> = {
  0x6969: 'NFS',
  0x517b: 'SMB',
  0xff534d42: 'CIFS',
  0xfe534d42: 'SMB2',
  0x73757245: 'Coda',
  0x5346414f: 'AFS',
  0x01021997: '9P',
  0x00c36400: 'Ceph',
}
const MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6])

function filesystem({ config: { data_dir: dir } }: DoctorWorld) {
  if (!statOf(dir)) return skip(MISSING)
  return ofType(statfsSync(dir).type, dir)
}

/** By the number that statfs(2) gives, which the runtime may tell with a sign. */
export function ofType(type: number, dir: string) {
  const magic = type >>> 0
  const network = NETWORK[magic]
  if (network !== undefined)
    return fail(
      `${dir} is on ${network}, where locks cannot be relied on`,
      'set data_dir to a disk of this machine',
    )
  return MEMORY.has(magic)
    ? fail(`${dir} is memory: all is gone at a restart`, 'set data_dir to a disk')
    : ok('a file system of this machine')
}

function space({ config: { data_dir: dir } }: DoctorWorld) {
  if (!statOf(dir)) return skip(MISSING)
  const { bavail, blocks, bsize } = statfsSync(dir)
  return ofSpace(bavail * bsize, blocks * bsize)
}

export function ofSpace(free: number, all: number) {
  const why = `${megabytes(free)} of ${megabytes(all)} are free`
  const mend =
    'remove old backups and files (belfry upload purge), or make the disk larger; belfry help backup'
  if (free < LEAST_FREE) return fail(why, mend)
  return free < Math.min(FEW_FREE, all / 10) ? warn(why, mend) : ok(why)
}

function inodes({ config: { data_dir: dir } }: DoctorWorld) {
  if (!statOf(dir)) return skip(MISSING)
  const { ffree, files: all } = statfsSync(dir)
  return ofInodes(ffree, all)
}

export function ofInodes(free: number, all: number) {
  if (all === 0) return skip('this file system does not count them')
  const why = `${free} of ${all} inodes are free`
  return free < Math.min(1000, all / 20)
    ? warn(why, 'many small files take them: find their directory with du --inodes')
    : ok(why)
}

function ballast({ config: { data_dir: dir, storage }, live }: DoctorWorld) {
  if (storage.ballast === 0) return skip('switched off')
  if (!statOf(dir)) return skip(MISSING)
  const size = statOf(ballastFile(dir))?.size ?? 0
  if (size >= storage.ballast) return ok(`${megabytes(size)} are kept for a full disk`)
  // A start has better things to do with the disk.
  if (live && live.uptime < BALLAST_COMES) return skip('the server has only just started')
  return warn(
    'there is no ballast, so a full disk could not be mended',
    'the server makes it within a minute of its start once there is room for it',
  )
}

function restore({ config: { data_dir: dir } }: DoctorWorld) {
  const mark = unfinishedRestore(dir)
  return statOf(mark)
    ? fail('a restore was interrupted, so the data is of two kinds', 'run belfry backup restore again')
    : ok('none is under way')
}

function uploads({ config: { data_dir: dir, upload } }: DoctorWorld) {
  if (!upload.enabled) return skip('files are off')
  if (upload.storage === 's3') return skip('files are in a bucket')
  const folder = join(dir, 'uploads')
  if (!statOf(folder)) return skip('nobody has sent a file yet')
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
    return ok(folder)
  } catch {
    return fail(`${folder} cannot be written`, `chown -R --reference=${dir} ${folder}`)
  }
}

function socket({ config: { data_dir: dir }, live }: DoctorWorld) {
  const path = adminSocket(dir)
  const stat = statOf(path)
  if (!stat)
    return live
      ? fail(`${path} is gone, so commands find no server`, 'systemctl restart belfry')
      : skip('no server runs')
  if (!stat.isSocket()) return fail(`${path} is no socket`, `remove ${path}, then restart`)
  if ((stat.mode & 0o007) !== 0)
    return fail(`everybody may use ${path}, which asks for no token`, `chmod 660 ${path}`)
  const left = statSync(dir).uid !== stat.uid && stat.uid !== 0
  return left
    ? fail(`${path} belongs to somebody else`, `remove ${path}, then restart`)
    : ok(`mode ${octal(stat.mode)}`)
}
