/**
 * Administrative changes, a row and a line of the log each: who, by which door, from where, what, before and after. They
 * are noted where the rows are written, so that no door can forget it, in the same trip; the line follows the commit. A
 * secret is never among the facts.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { type Fields, getLogger } from '../log.ts'
import { NS } from '../xmpp/namespaces.ts'
import { type Element, elements } from '../xmpp/xml.ts'
import type { AuditFilter, AuditRow, AuditTable } from './audit-table.ts'
import type { Clock } from './clock.ts'
import type { Turn } from './turn.ts'

const log = getLogger('audit')

export interface Actor {
  /** An address, a token's number and name, or "operator" where nobody has to say who it is. */
  by: string
  readonly door: string
  /** Network address, where there is one. */
  readonly address?: string | undefined
}

/** Speaker on a stream: a session, somebody who logs in, or a guest of whom only the address is known. */
export interface Speaker {
  readonly jid?: { toString(): string }
  readonly ip?: string | undefined
  /** The stream of a session. */
  readonly outlet?: { readonly ip: string }
}

const requests = new AsyncLocalStorage<Actor>()
/** Sender and element that are on their trip, or who logs in: no two trips run at a time. */
let speaker: { readonly who: Speaker; readonly el: Element | undefined } | undefined

/** Whatever `f` does until its promise settles is done by this actor, who may become known meanwhile. */
export const actingAs = <T>(actor: Actor, f: () => T): T => requests.run(actor, f)

/** Work that is put off keeps its actor. */
export const keepActor = (f: () => void): (() => void) => AsyncLocalStorage.bind(f)

/** The same for the trip of a stanza, or without one for that of a login, which need not be followed through promises. */
export function speaking(who: Speaker, el: Element | undefined, f: () => void): void {
  speaker = { who, el }
  try {
    f()
  } finally {
    speaker = undefined
  }
}

/** The one who is behind what is being done. */
export function actorNow(): Actor {
  if (!speaker) return requests.getStore() ?? { by: 'server', door: 'server' }
  const { who, el } = speaker
  const payload = el && elements(el)[0]?.attrs.xmlns
  const door = el ? (DOORS[payload ?? ''] ?? 'stream') : 'login'
  const address = who.outlet?.ip ?? who.ip
  return { by: (who.jid ?? address ?? 'unknown').toString(), door, address }
}

const DOORS: Readonly<Record<string, string>> = {
  [NS.register]: 'in-band',
  [NS.commands]: 'ad-hoc command',
}

/** Fields that say to whom or what something was done, the first that is there. */
const ABOUT = ['account', 'room', 'user'] as const
/**
 * Events that are kept whoever makes them. Others have a row only where an administrator or a program is at work: else
 * people could push the administrators' rows out of the table.
 */
const ALWAYS: ReadonlySet<string> = new Set([
  'account created',
  'account deleted',
  'administrator signed in',
  'first administrator set up',
])

export class Audit {
  /** Whether a bare JID administers the server. */
  isAdmin: (jid: string) => boolean = () => false
  readonly #turn: Turn
  readonly #table: AuditTable
  readonly #clock: Clock

  constructor(turn: Turn, table: AuditTable, clock: Clock) {
    this.#turn = turn
    this.#table = table
    this.#clock = clock
  }

  /** Within a trip. `before` and `after` among the facts are what has changed; a fact that is undefined is left out. */
  note(event: string, facts: Fields): void {
    const actor = actorNow()
    const { by, door, address } = actor
    const about = ABOUT.map((key) => facts[key]).find((value) => typeof value === 'string')
    if (ALWAYS.has(event) || this.#isAdministrative(actor))
      this.#table.add({
        ...{ at: this.#clock.now(), event, by, door, address: address ?? null, about: about ?? null },
        facts: JSON.stringify(facts),
      })
    this.#turn.after(() => log.info(event, { ...facts, by, door, address }))
  }

  /** Rows from the newest on, below the id `before`. */
  page(filter: AuditFilter, before: number | undefined, limit: number): AuditRow[] {
    return this.#table.page(filter, before, limit)
  }

  /** Deletes up to `limit` rows from before the time `before` (ms), or beyond the newest `keep`; returns how many. */
  purge(before: number, keep: number, limit: number): number {
    return this.#table.purge(before, keep, limit)
  }

  #isAdministrative({ by, door }: Actor): boolean {
    return by.includes('@') ? this.isAdmin(by.split('/', 1)[0] ?? '') : door !== 'server'
  }
}
