/** Counts of an import and what could not come over, with the reason of each. */
import type { Fact } from './model.ts'

export interface Reject {
  readonly owner: string
  readonly kind: Fact['kind']
  readonly why: string
  /** Facts of that kind and reason. */
  count: number
}

/** Different rejects that are remembered; more are counted alone. */
const REMEMBERED = 100_000

export class Report {
  readonly taken: Partial<Record<Fact['kind'], number>> = {}
  /** Facts that an earlier run has taken. */
  there = 0
  rejected = 0
  /** A file broke off or could not be read. */
  isBroken = false
  /** Accounts without keys that anybody could log in by. */
  withoutPassword = 0
  readonly #rejects = new Map<string, Reject>()

  count(kind: Fact['kind'], by = 1): void {
    this.taken[kind] = (this.taken[kind] ?? 0) + by
  }

  reject(owner: string, kind: Fact['kind'], why: string): void {
    this.rejected++
    const key = `${owner}\0${kind}\0${why}`
    const known = this.#rejects.get(key)
    if (known) known.count++
    else if (this.#rejects.size < REMEMBERED) this.#rejects.set(key, { owner, kind, why, count: 1 })
  }

  get rejects(): readonly Reject[] {
    return [...this.#rejects.values()]
  }

  /** Numbers for the report and the audit, by the names that people know. */
  get figures(): Readonly<Record<string, number>> {
    const of = (kind: Fact['kind']): number => this.taken[kind] ?? 0
    return {
      accounts: of('account'),
      without_password: this.withoutPassword,
      contacts: of('contact'),
      requests: of('request'),
      offline_messages: of('offline'),
      archived_messages: of('archived'),
      vcards: of('vcard'),
      private_documents: of('private'),
      blocked: of('blocked'),
      published_items: of('item'),
      push_registrations: of('push'),
      rooms: of('room'),
      affiliations: of('affiliation'),
      subscribers: of('subscriber'),
      room_messages: of('room-message'),
      already_here: this.there,
      rejected: this.rejected,
    }
  }
}
