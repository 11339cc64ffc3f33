/**
 * The first administrator: made once by whoever has the link that the start printed, while `admins` names nobody. The
 * link is a secret of this process, so that a restart, its use and its time each end it.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Account } from '../store/accounts.ts'
import { StanzaError } from '../xmpp/errors.ts'
import type { Trip, World } from '../routing/transit.ts'
import { FIRST_ADMIN, firstAdmin } from './admins.ts'

/** Below the addresses under which this server is reached. */
export const SETUP_PATH = '/admin/setup'

/** Whether nobody administers this server: no name in `admins`, and no account made by the link. */
export function isWithoutAdmin(world: World): boolean {
  return world.config.admins.length === 0 && firstAdmin(world) === undefined
}

export class SetupLink {
  readonly #world: World
  readonly #digest: Buffer
  readonly #until: number
  #isUsed = false

  private constructor(world: World, token: string) {
    this.#world = world
    this.#digest = digest(token)
    this.#until = world.clock.monotonic() + world.config.limits.setup_link
  }

  /** The path is told this once: only its digest is kept. */
  static make(world: World): { link: SetupLink; path: string } {
    const token = world.random.bytes(24).toString('base64url')
    // In the query, which is masked wherever an address is logged.
    return { link: new SetupLink(world, token), path: `${SETUP_PATH}?token=${token}` }
  }

  get holds(): boolean {
    return !this.#isUsed && this.#world.clock.monotonic() < this.#until && isWithoutAdmin(this.#world)
  }

  fits(token: string): boolean {
    return this.holds && timingSafeEqual(digest(token), this.#digest)
  }

  /** Within the trip that makes the account: of several who have the link, one comes through. */
  use(t: Trip, account: Account): void {
    if (!this.holds) throw new StanzaError('conflict', 'This server has an administrator by now.')
    t.store.settings.set(FIRST_ADMIN, Buffer.from(`${account.id} ${account.jid}`))
    t.store.audit.note('first administrator set up', { account: account.jid })
    this.#isUsed = true
    t.undo(() => (this.#isUsed = false))
  }
}

const digest = (token: string): Buffer => createHash('sha256').update(token).digest()
