/**
 * A message sent twice is taken once: the same sender, recipient, origin-id (XEP-0359 §3.2) and content within a day is
 * accepted again and goes no further. What was stored is remembered on disk, the rest in memory.
 * COMPAT(XMPPFramework): a correction is a copy of the message with its old origin-id, so the id alone says nothing.
 */
import { perObject } from '../per-object.ts'
import { BoundedMap } from '../bounded-map.ts'
import type { Feature, Outgoing, HookResult } from '../routing/feature.ts'
import type { Transit, World } from '../routing/transit.ts'
import type { Hash } from '../store/hash-set.ts'
import { hashOf } from '../store/origins.ts'
import { contentOf } from '../xmpp/content.ts'
import { isForgedDelay } from '../xmpp/delay.ts'
import { NS } from '../xmpp/namespaces.ts'
import { isIdOf } from '../xmpp/stanza-id.ts'
import { child, type Element, elements, without } from '../xmpp/xml.ts'

/** Longest origin-id that is remembered; a longer one is no sensible id and is not deduplicated. */
const ID_LENGTH = 256
/** Messages of the memory table; the oldest give way. */
const REMEMBERED = 10_000

export const origin: Feature = {
  name: 'origin',
  xeps: [{ number: 359, version: '0.7.0' }],
  disco: { account: [NS.stanzaId] },

  sent(t): HookResult {
    withoutForged(t)
    // Taken before other features change what is in it.
    const hash = originHash(t)
    if (!hash) return
    const key = `${hash.high} ${hash.low}`
    const recent = recentOf(t.world)
    if (recent.has(key) || t.store.origins.has(hash)) return 'stop'
    // What bounces may be tried again. Only what is stored needs to be known after a restart.
    t.onAccepted((to) => {
      recent.setIn(t, key, true)
      const isStored = t.archivedId !== undefined || to?.storedId !== undefined || to?.outcome === 'stored'
      if (isStored) t.store.origins.remember(t.store.messages.nextId(), hash)
    })
  },
}

/**
 * §5: nobody, the sender's archive and other clients included, must see an id that its account did not give, nor a time
 * (XEP-0203 §6) that a server or another account did not note. What is forwarded inside is not its own word.
 */
function withoutForged(t: Transit): void {
  const { stanza, origin } = t
  if (!origin) return
  const { jid } = origin
  const isOurs = (domain: string) => t.world.domains.isOurs(domain)
  const isForged = (node: Element) =>
    isForgedDelay(node, jid, isOurs) || (stanza.kind === 'message' && isIdOf(node, jid))
  if (!elements(stanza.el).some(isForged)) return
  t.stanza = stanza.with(without(stanza.el, isForged))
  if (stanza.kind === 'iq') t.stanza.checkIq()
}

const recentOf = perObject((_: World) => new BoundedMap<string, true>(REMEMBERED))

function originHash(t: Outgoing): Hash | undefined {
  const { kind, el, from, to } = t.stanza
  if (kind !== 'message') return undefined
  const id = child(el, 'origin-id', NS.stanzaId)?.attrs.id
  if (id === undefined || id === '' || id.length > ID_LENGTH) return undefined
  return hashOf(`${from.bare} ${to?.bare ?? from.bare} ${id} ${contentOf(el)}`)
}
