/** What must hold of what one session has heard, in a random story of deliveries. */
import { type Client, jidOf, type Life, type Person } from './delivery-client.ts'
import { isSent, type Sent } from './delivery-truth.ts'
import { type Copied, type How, type Item, itemOf } from './delivery-words.ts'

export type Messages = ReadonlyMap<string, Sent>

/** Throws where something does not hold. */
export class Broken extends Error {}

function fail(what: string, life: Life, of?: unknown): never {
  throw new Broken(`${what}: ${jidOf(life)} ${of === undefined ? '' : JSON.stringify(of)}`)
}

export const itemsOf = (life: Life): Item[] =>
  life.got
    .flatMap((el) => itemOf(el, life.person.bare) ?? [])
    .filter(({ how }) => how !== 'result' && how !== 'error result')

/** What a session may hear: nothing twice, nothing that is not meant for it, nothing out of order. */
export function checkHeard(messages: Messages, life: Life): void {
  const seen = new Set<string>()
  const items = itemsOf(life)
  for (const item of items) {
    const { how, key } = item
    const sent = messages.get(key)
    if (!sent) fail('an unknown message', life, key)
    // nothing twice
    if (seen.has(`${how} ${key}`)) fail(`${how} twice`, life, key)
    seen.add(`${how} ${key}`)
    // an error only for what is refused
    if (how === 'error') {
      if (sent.from !== life || sent.refusal === undefined) fail('an error for nothing', life, key)
      // nothing that was refused arrives
    } else if (how === 'itself' ? sent.refusal !== undefined : !isSent(sent))
      fail(`${how} although it was refused`, life, key)
    else if (how === 'itself') checkItself(sent, life, item)
    // copies go to whom they are for
    else if (isCopy(how) && !sent.copies[how].includes(life)) fail(`a copy (${how}) for nobody`, life, key)
  }
  checkOrder(messages, life, items)
}

const isCopy = (how: How): how is Copied => how === 'sent' || how === 'received' || how === 'error copy'

/** the message goes to whom it is for; what is shown does not come again */
function checkItself(sent: Sent, life: Life, { key, id, delayed, el }: Item): void {
  if (sent.to !== life.person) fail('what was for another', life, key)
  if ((id !== undefined) !== sent.archivedBy.includes(life.person))
    fail('the id of an archive', life, [key, id])
  if (sent.itself.includes(life)) return
  if (!sent.kind.waits || !delayed) fail('what was for another session', life, key)
  const { shownIn, doubtful } = sent
  const late = shownIn !== undefined && (life.at.get(el) ?? 0) > shownIn
  if (late && !doubtful && life.until === undefined && !life.spared) fail('what another had shown', life, key)
}

/** in order: of each sender, to one session */
function checkOrder(messages: Messages, life: Life, items: readonly Item[]): void {
  const last = new Map<string, { item: Item; sent: Sent }>()
  for (const item of items) {
    const sent = messages.get(item.key)
    if (!sent || (item.how !== 'itself' && item.how !== 'received')) continue
    const by = jidOf(sent.from)
    const before = last.get(by)
    if (before && before.sent.n > sent.n) {
      if (!mayBeLater(life, sent, item, before)) fail('out of order', life, [before.item.key, item.key])
    } else last.set(by, { item, sent })
  }
}

/** Why a message may come behind a later one of its sender. */
function mayBeLater(life: Life, sent: Sent, { delayed }: Item, before: { item: Item; sent: Sent }): boolean {
  // What cannot wait does not, while the box is being emptied.
  if (life.slow && !before.sent.kind.waits) return true
  // The later one was for another, which is gone.
  if (life.slow && before.item.delayed && !isItself(before.sent, life) && before.sent.itself.length > 0)
    return true
  if (!delayed) return false
  // It had been given to others that are gone.
  if (!isItself(sent, life) && sent.itself.length > 0) return true
  if (before.item.delayed) return false
  // The box was shut, or the later one was for another.
  if (before.sent.shut.has(life) || !isItself(before.sent, life)) return true
  // What it was owed when it took messages no more, or at a restart, it got before the rest of the box.
  return life.slow && (life.shut || before.sent.restarted)
}

const isItself = (sent: Sent, life: Life): boolean => sent.itself.includes(life)

/** nothing is missing: what a session must have heard by now, while its client answers */
export function checkComplete(messages: Messages, { life, inactive }: Client): void {
  if (!life) return
  const heard = new Set(itemsOf(life).map(({ how, key }) => `${how} ${key}`))
  const needs = (how: How, { key }: Sent) => {
    if (!heard.has(`${how} ${key}`)) fail(`${how} is missing`, life, key)
  }
  const states = new Map<string, Sent>()
  for (const sent of messages.values()) {
    if (sent.refusal !== undefined && sent.from === life) needs('error', sent)
    if (!isSent(sent)) continue
    const rings = sent.kind.rings === true
    if (sent.itself.includes(life)) {
      if (sent.kind.passing && life.spared) states.set(jidOf(sent.from), sent)
      else if (rings || !inactive) needs('itself', sent)
    }
    if (inactive) continue
    if (sent.copies.sent.includes(life)) needs('sent', sent)
    if (sent.copies.received.includes(life)) needs('received', sent)
    if (sent.copies['error copy'].includes(life)) needs('error copy', sent)
  }
  if (!inactive) for (const sent of states.values()) needs('itself', sent)
}

/** presence is true: what a client believes of others is so (RFC 6121 §4) */
export function checkPresence(
  client: Client,
  people: readonly { person: Person; lives: readonly Life[] }[],
): void {
  const { life } = client
  if (life?.status === undefined || life.inactive) return
  const { beliefs, person } = client
  for (const { person: other, lives } of people) {
    if (other !== person && !person.friends.includes(other.bare)) continue
    if (person.blocks.has(other.bare)) continue
    const hidden = other.blocks.has(person.bare)
    for (const one of lives) {
      const truth = hidden ? undefined : one.status
      const belief = beliefs.get(jidOf(one))
      if (belief !== truth) fail('wrong presence', life, { of: jidOf(one), truth, belief })
      beliefs.delete(jidOf(one))
    }
    for (const jid of beliefs.keys())
      if (jid.startsWith(`${other.bare}/`))
        fail('presence of nobody', life, { of: jid, belief: beliefs.get(jid) })
  }
}
