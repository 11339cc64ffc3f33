/** Savepoints of a turn's transaction, for what may have to be taken back alone. */
import type { Database } from 'bun:sqlite'
import { getLogger } from '../log.ts'

const log = getLogger('turn')

export class Savepoint {
  readonly #db: Database
  readonly #open
  readonly #release
  readonly #undo
  readonly #rollback

  constructor(db: Database) {
    this.#db = db
    this.#open = db.prepare('SAVEPOINT trip')
    this.#release = db.prepare('RELEASE trip')
    this.#undo = db.prepare('ROLLBACK TO trip')
    this.#rollback = db.prepare('ROLLBACK')
  }

  open(): void {
    this.#open.run()
  }

  release(): void {
    this.#release.run()
  }

  /** The whole transaction goes where even that fails: better than a trip that is kept by halves. */
  takeBack(): void {
    try {
      this.#undo.run()
      this.#release.run()
    } catch (error) {
      log.error('a savepoint could not be rolled back', { error })
      if (this.#db.inTransaction) this.#rollback.run()
    }
  }

  /** Ends the transaction without its rows. */
  rollBack(): void {
    this.#rollback.run()
  }
}
