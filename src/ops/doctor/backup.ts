/** Copies of the data: whether there are any, how old the last one is, whether it is whole, and where it lies. */
import { statfsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isBackupName, type Manifest, readManifest } from '../../store/backup/manifest.ts'
import { backupDirectory } from '../backups.ts'
import { databaseFile } from '../data-dir.ts'
import {
  type DoctorCheck,
  type DoctorWorld,
  fail,
  listOf,
  megabytes,
  octal,
  ok,
  skip,
  some,
  statOf,
  warn,
} from './check.ts'

export const BACKUP_CHECKS: readonly DoctorCheck[] = [
  { id: 'backup.schedule', needs: ['config'], look: schedule },
  { id: 'backup.age', needs: ['config'], look: age },
  { id: 'backup.whole', needs: ['config'], look: whole },
  { id: 'backup.unfinished', needs: ['config'], look: unfinished },
  { id: 'backup.place', needs: ['config'], look: place },
  { id: 'backup.room', needs: ['config'], look: room },
  { id: 'backup.mode', needs: ['config'], look: mode },
]

const HOUR = 3_600_000
/** ms: an operator who makes them by hand is reminded after that. */
const BY_HAND = 7 * 24 * HOUR

const hasData = ({ config: { data_dir: dir } }: DoctorWorld): boolean =>
  statOf(databaseFile(dir)) !== undefined
const NOTHING = 'there is nothing to copy yet'

/** Names of whole ones, the newest first; those of other data may be among them. */
const names = ({ config }: DoctorWorld): string[] =>
  listOf(backupDirectory(config)).filter(isBackupName).sort().reverse()

/** The newest of this data that can be read. */
function newest(w: DoctorWorld): Manifest | undefined {
  for (const name of names(w)) {
    try {
      const manifest = readManifest(join(backupDirectory(w.config), name))
      if (manifest.data_dir === w.config.data_dir) return manifest
    } catch {
      // backup.whole tells of it.
    }
  }
  return undefined
}

function schedule({ config: { backup } }: DoctorWorld) {
  if (Number.isFinite(backup.every)) return ok(`every ${Math.round(backup.every / HOUR)} h`)
  return warn('none is made by the clock', 'set [backup] every = "1d", unless something else makes them')
}

function age(w: DoctorWorld) {
  if (!hasData(w)) return skip(NOTHING)
  const last = newest(w)
  if (!last) return warn('there is no backup', 'belfry backup create')
  const passed = w.now - Date.parse(last.created)
  const most = Number.isFinite(w.config.backup.every) ? 2 * w.config.backup.every : BY_HAND
  const why = `the last one is ${Math.floor(passed / HOUR)} h old`
  return passed > most ? fail(why, 'belfry backup create tells why it fails') : ok(why)
}

function whole(w: DoctorWorld) {
  const list = names(w)
  if (list.length === 0) return skip('there is none')
  const directory = backupDirectory(w.config)
  const broken = list.flatMap((name) => {
    try {
      readManifest(join(directory, name))
      return []
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  })
  return broken.length > 0
    ? fail(some(broken, 1), 'remove it, or belfry backup verify')
    : ok(`${list.length} have their manifest; belfry backup verify compares every checksum`)
}

function unfinished({ config }: DoctorWorld) {
  const parts = listOf(backupDirectory(config)).filter(
    (name) => name.startsWith('belfry-') && !isBackupName(name),
  )
  if (parts.length === 0) return ok('no half one lies about')
  return warn(
    `half ones: ${some(parts, 2)}`,
    `remove them from ${backupDirectory(config)} once no backup is running`,
  )
}

function place({ config }: DoctorWorld) {
  const there = statOf(backupDirectory(config)) ?? statOf(dirname(backupDirectory(config)))
  const data = statOf(config.data_dir)
  if (!there || !data) return skip(NOTHING)
  if (there.dev !== data.dev) return ok('on another file system than the data')
  return warn(
    'backups lie on the same file system as the data',
    'set [backup] dir to another disk, or copy them away',
  )
}

function room(w: DoctorWorld) {
  if (!hasData(w)) return skip(NOTHING)
  const directory = statOf(backupDirectory(w.config)) ? backupDirectory(w.config) : w.config.data_dir
  const { bavail, bsize } = statfsSync(directory)
  const needs = (statOf(databaseFile(w.config.data_dir))?.size ?? 0) + (64 << 20)
  const why = `${megabytes(bavail * bsize)} are free, the next one needs ${megabytes(needs)}`
  return bavail * bsize < needs ? fail(why, 'make room, or set [backup] dir') : ok(why)
}

function mode({ config }: DoctorWorld) {
  const stat = statOf(backupDirectory(config))
  if (!stat) return skip('there is none')
  const bits = octal(stat.mode)
  return (stat.mode & 0o007) === 0
    ? ok(`mode ${bits}`)
    : fail(`everybody may look into backups (${bits})`, `chmod 700 ${backupDirectory(config)}`)
}
