/**
 * Changes of accounts and of what lets somebody in, one line of the log each: who, by which door, what. They are noted
 * where the rows are written, so that no door can forget it, and written after the commit. A secret is never among the
 * facts.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { type Fields, getLogger } from '../log.ts'
import { NS } from '../xmpp/namespaces.ts'
import { type Element, elements } from '../xmpp/xml.ts'
import type { Turn } from './turn.ts'

const log = getLogger('audit')

export interface Actor {
  /** An address, a token's number and name, or "operator" where nobody has to say who it is. */
  by: string
  readonly door: string
}

const requests = new AsyncLocalStorage<Actor>()
/** Sender and element that are on their trip, or who logs in: no two trips run at a time. */
let speaker: { readonly who: { toString(): string }; readonly el: Element | undefined } | undefined

/** Whatever `f` does until its promise settles is done by this actor, who may become known meanwhile. */
export const actingAs = <T>(actor: Actor, f: () => T): T => requests.run(actor, f)

/** Work that is put off keeps its actor. */
export const keepActor = (f: () => void): (() => void) => AsyncLocalStorage.bind(f)

/** The same for the trip of a stanza, or without one for that of a login, which need not be followed through promises. */
export function speaking(who: { toString(): string }, el: Element | undefined, f: () => void): void {
  speaker = { who, el }
  try {
    f()
  } finally {
    speaker = undefined
  }
}

function actorNow(): Actor {
  if (!speaker) return requests.getStore() ?? { by: 'server', door: 'server' }
  const { who, el } = speaker
  const payload = el && elements(el)[0]?.attrs.xmlns
  return { by: who.toString(), door: el ? (DOORS[payload ?? ''] ?? 'stream') : 'login' }
}

const DOORS: Readonly<Record<string, string>> = {
  [NS.register]: 'in-band',
  [NS.commands]: 'ad-hoc command',
}

export class Audit {
  readonly #turn: Turn

  constructor(turn: Turn) {
    this.#turn = turn
  }

  note(event: string, facts: Fields): void {
    const { by, door } = actorNow()
    this.#turn.after(() => log.info(event, { ...facts, by, door }))
  }
}
