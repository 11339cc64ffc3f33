/**
 * The JSON that a phone gets, by the app's policy on how much Apple may see and never above Apple's limit. Text is
 * cut between graphemes, so that no emoji falls apart.
 */

/** [[push.apps]] body: how much of a message is shown to Apple. */
export type BodyPolicy = 'none' | 'sender' | 'full' | 'encrypted'

export interface PayloadInput {
  /** Rule of classify.ts that proposed the push. */
  readonly kind: string
  readonly account: string
  /** Bare JID of the other side. */
  readonly sender: string
  /** A name to show instead of the JID. */
  readonly title?: string | null
  readonly body?: string | null
  readonly badge?: number | null
  readonly messageId: string
}

export interface Payload {
  readonly aps: Readonly<Record<string, unknown>>
  readonly [key: string]: unknown
}

const LIMIT = 4096
/** What is said instead of a text that we do not have or must not show. */
const SENTENCES: Readonly<Record<string, string>> = {
  'subscription-request': 'wants to add you as a contact',
  invitation: 'invites you to a room',
  call: 'is calling you',
  attention: 'asks for your attention',
  encrypted: 'Encrypted message',
}
const GENERIC = 'New message'

/** The text that may be kept for a push under this policy: nothing that the policy hides is even written down. */
export function keptText(
  policy: BodyPolicy,
  text: { title?: string | undefined; body?: string | undefined },
): {
  title?: string
  body?: string
} {
  if (policy === 'none' || policy === 'encrypted') return {}
  const title = text.title === undefined ? {} : { title: cut(text.title, 200) }
  if (policy === 'sender' || text.body === undefined) return title
  return { ...title, body: cut(text.body, LIMIT) }
}

/** `short` is the form without any text of the message: for when the long one was refused as too large. */
export function composePayload(input: PayloadInput, policy: BodyPolicy, short = false): Payload {
  const shown = policy === 'sender' || policy === 'full'
  const sentence = SENTENCES[input.kind] ?? GENERIC
  const title = shown ? input.title || input.sender : undefined
  const text = policy === 'full' && !short && input.body ? input.body : sentence
  const build = (body: string): Payload => ({
    aps: {
      alert: { ...(title === undefined ? {} : { title }), body },
      ...(input.badge === null || input.badge === undefined ? {} : { badge: input.badge }),
      sound: 'default',
      ...(shown ? { 'thread-id': input.sender } : {}),
      // The app's extension fetches and decrypts, then writes the text itself.
      ...(policy === 'encrypted' || input.kind === 'encrypted' ? { 'mutable-content': 1 } : {}),
    },
    account: input.account,
    ...(shown ? { from: input.sender } : {}),
    ...(input.messageId === '' ? {} : { 'stanza-id': input.messageId }),
  })
  const payload = build(text)
  const over = encodedSize(payload) - LIMIT
  if (over <= 0) return payload
  // Escapes and multi-byte text count as they are encoded, so the room for the text is found from the encoded size.
  const room = encodedSize(text) - 2 - over
  return build(room > 3 ? cutEncoded(text, room) : sentence)
}

export const encodedSize = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** The longest beginning of whole graphemes that fits `bytes` of UTF-8, with an ellipsis where something is left out. */
export function cut(text: string, bytes: number): string {
  return Buffer.byteLength(text) <= bytes ? text : shorten(text, bytes, (part) => Buffer.byteLength(part))
}

/** The same, counted as it stands in JSON. */
function cutEncoded(text: string, bytes: number): string {
  return shorten(text, bytes, (part) => encodedSize(part) - 2)
}

function shorten(text: string, bytes: number, size: (part: string) => number): string {
  const ellipsis = '…'
  let left = bytes - Buffer.byteLength(ellipsis)
  let kept = ''
  // A grapheme may be endless (combining marks): no more of the text is segmented than could fit at all.
  for (const { segment } of segmenter.segment(text.slice(0, bytes + 1))) {
    left -= size(segment)
    if (left < 0) break
    kept += segment
  }
  return kept.trimEnd() + ellipsis
}
