/** One stanza, one trip: whatever fails in it is answered in the protocol's words, in this one place. */
import { failureEvent, getLogger } from '../log.ts'
import { type Speaker, speaking } from '../store/audit.ts'
import { TurnFailed } from '../store/turn-failed.ts'
import { DatabaseBusy } from '../store/write-lock.ts'
import { StanzaError, StreamError } from '../xmpp/errors.ts'
import type { Jid } from '../xmpp/jid.ts'
import { errorReply, mayBounce, type Stanza } from '../xmpp/stanza.ts'
import type { Element } from '../xmpp/xml.ts'
import type { Transit, World } from './transit.ts'

const log = getLogger('router')

/** Runs `f` as a trip of `who`; `answer` queues an error reply behind the commit. Throws only StreamError and DatabaseBusy. */
export function guarded(
  world: World,
  el: Element,
  sender: Jid,
  who: Speaker,
  answer: (reply: Element) => void,
  f: () => void,
): void {
  const refuse = (error: StanzaError) => {
    if (!mayBounce(el.name, el.attrs.type ?? '')) return
    answer(errorReply(el, el.attrs.to, sender.toString(), error))
  }
  try {
    world.store.turn.trip(() => speaking(who, el, f), refuse)
  } catch (error) {
    if (error instanceof TurnFailed) return
    if (error instanceof StreamError || error instanceof DatabaseBusy) throw error
    if (!(error instanceof StanzaError))
      log.error(failureEvent('a stanza', error), { error, stanza: el.name })
    refuse(
      error instanceof StanzaError
        ? error
        : new StanzaError('internal-server-error', undefined, { cause: error }),
    )
  }
}

/**
 * The recipient's side refused it: who sent it hears of that, wherever it is; presence to nowhere is no news. A message's
 * error goes the road that the message went, to archive and other clients (XEP-0280 §6.1).
 */
export function bounce(t: Transit, stanza: Stanza, error: StanzaError): void {
  const reply = stanza.kind === 'presence' ? undefined : stanza.bounced(error)
  if (!reply) return
  if (reply.kind === 'message') t.emit(reply)
  else t.answer(reply.el)
}

export function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
