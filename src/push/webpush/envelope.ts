/**
 * Push 2.0 (urn:xmpp:push2:0): the app gets the stanza itself, in an envelope of XEP-0420. The outbox keeps words, not
 * stanzas, so that it is a stanza made of these, with the id under which the whole one is archived.
 */
import type { Job } from '../../store/push.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { xml } from '../../xmpp/xml.ts'
import { type Notice, showsNothing } from '../rules/notice.ts'
import { cutEncoded } from '../rules/text.ts'

const SCE = 'urn:xmpp:sce:1'
/** Padding hides the length of short texts (XEP-0420 §4.2). */
const BLOCK = 128

/** `limit`: bytes of it. `short`: without any text of the message. */
export function envelopeOf(job: Job, notice: Notice, limit: number, short = false): Buffer {
  const build = (text: string | undefined, padding: string): Buffer =>
    Buffer.from(
      xml(
        'envelope',
        { xmlns: SCE },
        xml('content', {}, xml('forwarded', { xmlns: NS.forward }, messageOf(job, text))),
        xml('rpad', {}, padding),
      ).toString(),
    )
  // A call speaks for itself, and a phrase says what else has no text: that a call was missed, that a file has come.
  const isSilent = job.kind === 'call' || showsNothing(job.kind)
  let text = isSilent ? undefined : ((short ? undefined : notice.body) ?? notice.phrase.text)
  let whole = build(text, '')
  // Escapes count as they are written; each round takes off what is too much, at least.
  while (text && whole.length > limit) {
    text = cutEncoded(text, Math.max(0, Buffer.byteLength(text) - (whole.length - limit) - 4))
    if (text.length < 2) text = undefined
    whole = build(text, '')
  }
  const padding = Math.min(limit - whole.length, BLOCK - (whole.length % BLOCK))
  return padding > 0 ? build(text, '0'.repeat(padding)) : whole
}

function messageOf(
  { account, sender, nick, messageId, kind, call, createdAt }: Job,
  body: string | undefined,
) {
  const from = nick ? `${sender}/${nick}` : (call?.from ?? sender)
  return xml(
    'message',
    { xmlns: NS.client, from, to: account, type: nick ? 'groupchat' : 'chat' },
    body === undefined ? undefined : xml('body', {}, body),
    kind === 'call' && call
      ? xml('propose', { xmlns: NS.jingleMessage, id: call.sid }, ...call.media.map(described))
      : undefined,
    messageId === '' ? undefined : xml('stanza-id', { xmlns: NS.stanzaId, id: messageId, by: account }),
    xml('delay', { xmlns: NS.delay, stamp: new Date(createdAt).toISOString() }),
  )
}

const described = (media: string) => xml('description', { xmlns: 'urn:xmpp:jingle:apps:rtp:1', media })
