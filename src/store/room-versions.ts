/** The last changes of who stands how to a room, numbered (XEP-0463): what a client that has been away must hear. */
import { type Db, rawWriter, type Write } from './db.ts'

/** Changes of one room that are kept; who has missed more gets the whole list. */
const KEPT = 1000

export interface VersionChange {
  readonly version: number
  readonly user: string
  /** Affiliation before it, "none" too. */
  readonly before: string
}

export class RoomVersions {
  readonly #newest
  readonly #since
  readonly #lastOf
  readonly #add: Write<{ roomId: number; version: number; user: string; before: string }>
  readonly #addEnd: Write<{ user: string }>
  readonly #trim: Write<{ roomId: number; upTo: number }>

  constructor(db: Db) {
    this.#newest = db.raw.prepare<{ version: number | null }, [number]>(
      'SELECT max(version) AS version FROM room_affiliation_changes WHERE room_id = ?',
    )
    this.#since = db.raw.prepare<VersionChange, [number, number]>(
      'SELECT version, user, before FROM room_affiliation_changes WHERE room_id = ? AND version > ? ORDER BY version',
    )
    this.#lastOf = db.raw.prepare<{ version: number | null }, [number, string]>(
      'SELECT max(version) AS version FROM room_affiliation_changes WHERE room_id = ? AND user = ?',
    )
    this.#add = rawWriter(
      db,
      'INSERT INTO room_affiliation_changes (room_id, version, user, before) VALUES ($roomId, $version, $user, $before)',
    )
    this.#addEnd = rawWriter(
      db,
      `INSERT INTO room_affiliation_changes (room_id, version, user, before)
       SELECT a.room_id, 1 + coalesce((SELECT max(version) FROM room_affiliation_changes c WHERE c.room_id = a.room_id), 0),
              a.user, a.affiliation
       FROM room_affiliations a WHERE a.user = $user`,
    )
    this.#trim = rawWriter(
      db,
      'DELETE FROM room_affiliation_changes WHERE room_id = $roomId AND version <= $upTo',
    )
  }

  /** Number of the last change; 0 before the first. */
  newest(roomId: number): number {
    return this.#newest.get(roomId)?.version ?? 0
  }

  /** Changes behind that one, in order; undefined where some of them are not known any more, or it never was. */
  since(roomId: number, version: number): VersionChange[] | undefined {
    if (version > this.newest(roomId)) return undefined
    const changes = this.#since.all(roomId, version)
    const [first] = changes
    return first && first.version !== version + 1 ? undefined : changes
  }

  /** Number of the last change of `user` that is known. */
  lastOf(roomId: number, user: string): number | undefined {
    return this.#lastOf.get(roomId, user)?.version ?? undefined
  }

  /** Notes a change of `user`; returns its number. */
  note(roomId: number, user: string, before: string): number {
    const version = this.newest(roomId) + 1
    this.#add({ roomId, version, user, before })
    this.#trim({ roomId, upTo: version - KEPT })
    return version
  }

  /** Notes that `user` is about to stand to no room any more. */
  noteEnd(user: string): void {
    this.#addEnd({ user })
  }
}
