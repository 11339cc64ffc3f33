/** The schema's history: append-only SQL files, embedded as text, counted by `user_version`. */
import type { Database } from 'bun:sqlite'
import core from '../../migrations/0001-core.sql' with { type: 'text' }
import push from '../../migrations/0002-push.sql' with { type: 'text' }
import history from '../../migrations/0003-history.sql' with { type: 'text' }
import pep from '../../migrations/0004-pep.sql' with { type: 'text' }
import sm from '../../migrations/0005-sm.sql' with { type: 'text' }
import clients from '../../migrations/0006-clients.sql' with { type: 'text' }
import invites from '../../migrations/0007-invites.sql' with { type: 'text' }
import avatars from '../../migrations/0008-avatars.sql' with { type: 'text' }
import unread from '../../migrations/0009-unread.sql' with { type: 'text' }
import deviceOptions from '../../migrations/0010-device-options.sql' with { type: 'text' }
import pushReports from '../../migrations/0011-push-reports.sql' with { type: 'text' }
import webhookEvents from '../../migrations/0012-webhook-events.sql' with { type: 'text' }
import lateIndexes from '../../migrations/0013-late-indexes.sql' with { type: 'text' }
import clockShifts from '../../migrations/0014-clock-shifts.sql' with { type: 'text' }
import whosePhone from '../../migrations/0015-whose-phone.sql' with { type: 'text' }
import skeletons from '../../migrations/0016-skeletons.sql' with { type: 'text' }
import archiveSizes from '../../migrations/0017-archive-sizes.sql' with { type: 'text' }
import deviceKinds from '../../migrations/0018-device-kinds.sql' with { type: 'text' }
import rooms from '../../migrations/0019-rooms.sql' with { type: 'text' }
import uploads from '../../migrations/0020-uploads.sql' with { type: 'text' }
import audit from '../../migrations/0021-audit.sql' with { type: 'text' }
import imports from '../../migrations/0022-imports.sql' with { type: 'text' }
import figures from '../../migrations/0023-figures.sql' with { type: 'text' }
import answers from '../../migrations/0024-answers.sql' with { type: 'text' }
import bell from '../../migrations/0025-bell.sql' with { type: 'text' }
import deviceTokens from '../../migrations/0026-device-tokens.sql' with { type: 'text' }
import origins from '../../migrations/0027-origins.sql' with { type: 'text' }

/** Each brings the schema one version on. */
export const MIGRATIONS: readonly string[] = [
  core,
  push,
  history,
  pep,
  sm,
  clients,
  invites,
  avatars,
  unread,
  deviceOptions,
  pushReports,
  webhookEvents,
  lateIndexes,
  clockShifts,
  whosePhone,
  skeletons,
  archiveSizes,
  deviceKinds,
  rooms,
  uploads,
  audit,
  imports,
  figures,
  answers,
  bell,
  deviceTokens,
  origins,
]

/** Version of the schema of this build. */
export const SCHEMA = MIGRATIONS.length

/** The schema is newer than this build: a downgrade would lose what it does not know. */
export class NewerSchema extends Error {}

/** Brings the schema to this build's version, each step in its own transaction (all of them in one where there
 * is nothing yet). Foreign keys must be off. */
export function migrate(db: Database, migrations = MIGRATIONS): void {
  const version = userVersion(db)
  if (version > migrations.length) {
    throw new NewerSchema(
      `the database has schema ${version}, this build knows up to ${migrations.length}: ` +
        'install the newer Belfry again, or restore a backup made before the upgrade',
    )
  }
  // A fresh database has nothing to lose between two steps, and each commit is an fsync of a start.
  if (version === 0) db.transaction(() => steps(db, migrations, 0, migrations.length)).immediate()
  for (let step = version || migrations.length; step < migrations.length; step++)
    db.transaction(() => steps(db, migrations, step, step + 1)).immediate()
}

function steps(db: Database, migrations: readonly string[], from: number, to: number): void {
  for (let step = from; step < to; step++) {
    db.run(migrations[step] ?? '')
    const orphan = db.query('PRAGMA foreign_key_check').get()
    if (orphan) throw new Error(`migration ${step + 1} leaves rows without their parent`, { cause: orphan })
    db.run(`PRAGMA user_version = ${step + 1}`)
  }
}

export function userVersion(db: Database): number {
  const row = db.query<{ user_version: number }, []>('PRAGMA user_version').get()
  return row?.user_version ?? 0
}
