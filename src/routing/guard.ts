/** One stanza, one trip: whatever fails in it is answered in the protocol's words, in this one place. */
import { getLogger } from '../log.ts'
import { TurnFailed } from '../store/turn-failed.ts'
import { LockHeld } from '../store/write-lock.ts'
import { StanzaError, StreamError } from '../xmpp/errors.ts'
import type { Jid } from '../xmpp/jid.ts'
import { errorReply, mayBounce } from '../xmpp/stanza.ts'
import type { Element } from '../xmpp/xml.ts'
import type { Transit, World } from './transit.ts'

const log = getLogger('router')

/** Runs `f` as a trip; `answer` queues an error reply behind the commit. Throws only StreamError and LockHeld. */
export function guarded(
  world: World,
  el: Element,
  sender: Jid,
  answer: (reply: Element) => void,
  f: () => void,
): void {
  const refuse = (error: StanzaError) => {
    if (!mayBounce(el.name, el.attrs.type ?? '')) return
    answer(errorReply(el, el.attrs.to, sender.toString(), error))
  }
  try {
    world.store.turn.trip(f, refuse)
  } catch (error) {
    if (error instanceof TurnFailed) return
    if (error instanceof StreamError || error instanceof LockHeld) throw error
    if (!(error instanceof StanzaError)) log.error('a stanza met a bug', { error, stanza: el.name })
    refuse(
      error instanceof StanzaError
        ? error
        : new StanzaError('internal-server-error', undefined, { cause: error }),
    )
  }
}

/** An emitted stanza failed: a message's sender hears of it, a presence broadcast to nowhere is no news. */
export function bounce(t: Transit, error: StanzaError): void {
  const { stanza } = t
  const session = t.sessions.find(stanza.from)
  if (!session || stanza.kind === 'presence' || !mayBounce(stanza.kind, stanza.type)) return
  t.write(session, errorReply(stanza.el, stanza.to?.toString(), stanza.from.toString(), error))
}

export function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
