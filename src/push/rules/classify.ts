/**
 * Meaning of a stanza to a phone that sleeps: one table, first match wins. `belfry push rules` and the documentation
 * print it, so `what` is written for people. Pure: an Element in, a proposal out; decide.ts has the last word.
 */
import { ringsSomething } from '../../config/web-push.ts'
import { correctedId, hasBody, retractedId } from '../../xmpp/message.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { child, type Element, elements } from '../../xmpp/xml.ts'
import { isCall } from './calls.ts'

export type PushKind =
  /** Alert, sound, badge. */
  | 'ring'
  /** Only the number on the icon changes. */
  | 'badge'
  /** The app is woken unseen. */
  | 'silent'
  | 'nothing'

export interface Proposal {
  readonly kind: PushKind
  /** The rule's name: part of every recorded verdict. */
  readonly rule: string
}

/** Kinds that the operator chooses: [push] reactions, corrections, retractions. */
export interface QuietSettings {
  readonly reactions: PushKind
  /** 'replace': it is no news, and what is shown changes. */
  readonly corrections: PushKind | 'replace'
  readonly retractions: PushKind
}

export interface PushRule extends Proposal {
  readonly what: string
  /** The kind is only the default of this setting. */
  readonly setting?: keyof QuietSettings
  readonly applies: (el: Element) => boolean
}

const AXOLOTL = 'eu.siacs.conversations.axolotl'
const OMEMO = 'urn:xmpp:omemo:2'

const isMessage = (el: Element): boolean => el.name === 'message'
const has = (el: Element, name: string, xmlns: string): boolean => child(el, name, xmlns) !== undefined
const inNamespace = (el: Element, xmlns: string): boolean =>
  elements(el).some((node) => node.attrs.xmlns === xmlns)

/** Undefined where it proposes nothing. */
function proposes(el: Element): boolean | undefined {
  const propose = child(el, 'propose', NS.jingleMessage)
  return propose && isCall(propose)
}

const omemo = (el: Element): Element | undefined =>
  child(el, 'encrypted', AXOLOTL) ?? child(el, 'encrypted', OMEMO)
const payloadOf = (encrypted: Element): Element | undefined => child(encrypted, 'payload')

const rule = (kind: PushKind, name: string, what: string, applies: PushRule['applies']): PushRule => ({
  kind,
  rule: name,
  what,
  applies,
})

const chosen = (setting: keyof QuietSettings, by: PushRule): PushRule => ({ ...by, setting })

export const PUSH_RULES: readonly PushRule[] = [
  rule('nothing', 'error', 'Error answers', (el) => el.attrs.type === 'error'),
  rule(
    'ring',
    'subscription-request',
    'A request to become a contact',
    (el) => el.name === 'presence' && el.attrs.type === 'subscribe',
  ),
  rule('nothing', 'not-a-message', 'Presence and queries', (el) => !isMessage(el)),
  rule(
    'nothing',
    'own-copy',
    'Copies of one’s own chats (XEP-0280)',
    (el) => inNamespace(el, NS.carbons) && !has(el, 'private', NS.carbons),
  ),
  rule('nothing', 'archive-result', 'Results of an archive query (XEP-0313)', (el) =>
    has(el, 'result', NS.mam),
  ),
  rule('nothing', 'event', 'PEP and PubSub events', (el) => has(el, 'event', NS.pubsubEvent)),
  rule('nothing', 'headline', 'Headlines (RFC 6121 §5.2.2)', (el) => el.attrs.type === 'headline'),
  rule(
    'nothing',
    'history',
    'A room’s history at joining',
    (el) => el.attrs.type === 'groupchat' && has(el, 'delay', NS.delay),
  ),
  rule('ring', 'call', 'A call proposal (XEP-0353)', (el) => proposes(el) === true),
  rule(
    'nothing',
    'proposal',
    'A proposal that is no call (XEP-0353 of a file)',
    (el) => proposes(el) === false,
  ),
  rule('silent', 'call-ended', 'A call was answered elsewhere or withdrawn', (el) =>
    inNamespace(el, NS.jingleMessage),
  ),
  rule('ring', 'call-invite', 'An invitation to a call of several (XEP-0482)', (el) =>
    has(el, 'invite', NS.callInvites),
  ),
  rule('nothing', 'call-answer', 'An answer to such an invitation', (el) => inNamespace(el, NS.callInvites)),
  rule('ring', 'invitation', 'An invitation to a room (XEP-0045 §7.8, XEP-0249)', isInvitation),
  chosen(
    'reactions',
    rule('nothing', 'reaction', 'Reactions (XEP-0444)', (el) => has(el, 'reactions', NS.reactions)),
  ),
  chosen('retractions', rule('badge', 'retraction', 'A message was taken back (XEP-0424)', isRetraction)),
  chosen(
    'corrections',
    rule(
      'nothing',
      'correction',
      'A message was corrected (XEP-0308)',
      (el) => correctedId(el) !== undefined,
    ),
  ),
  rule('nothing', 'key-transport', 'OMEMO keys without a message', (el) => {
    const encrypted = omemo(el)
    return encrypted !== undefined && payloadOf(encrypted) === undefined
  }),
  rule('ring', 'encrypted', 'Encrypted messages (OMEMO, OX, OpenPGP, XEP-0380)', isEncrypted),
  rule('ring', 'body', 'Messages with text', hasBody),
  rule('ring', 'file', 'Files without a text (XEP-0447)', (el) => has(el, 'file-sharing', NS.sharing)),
  rule('ring', 'attention', 'Attention please (XEP-0224)', (el) =>
    has(el, 'attention', 'urn:xmpp:attention:0'),
  ),
  rule('nothing', 'receipt', 'Delivery receipts (XEP-0184)', (el) => inNamespace(el, NS.receipts)),
  rule('nothing', 'marker', 'Read markers (XEP-0333)', (el) => inNamespace(el, NS.chatMarkers)),
  rule('nothing', 'chat-state', 'Typing notices (XEP-0085)', (el) => inNamespace(el, NS.chatStates)),
  rule('nothing', 'no-content', 'Everything else', () => true),
]

/** Without `settings` each rule has its default. */
export function classify(el: Element, settings?: QuietSettings): Proposal {
  for (const { kind, rule, setting, applies } of PUSH_RULES)
    if (applies(el)) {
      const chosen = setting && settings ? settings[setting] : kind
      return { kind: chosen === 'replace' ? 'nothing' : chosen, rule }
    }
  return { kind: 'nothing', rule: 'no-content' }
}

/** Updates of a message that was there before: as a push of its own it only wakes the app. */
export const isUpdate = (rule: string): boolean =>
  rule === 'reaction' || rule === 'correction' || rule === 'retraction'

/** Rings that are about no message which may be unread: the number on the icon stays. */
export const isUncounted = (rule: string): boolean => ['reacted', 'joined', 'digest'].includes(rule)

/** Whether anybody could be told at all: most servers' messages end here. */
export const matters = (
  { push }: { readonly push: Parameters<typeof ringsSomething>[0] },
  { events }: { readonly events: { wants(kind: 'message.offline'): boolean } },
): boolean => ringsSomething(push) || events.wants('message.offline')

/** Proposals that never ring; what is nothing only by the operator's choice has a verdict that says so. */
export const isNothing = ({ kind, rule }: Proposal): boolean => kind === 'nothing' && !isUpdate(rule)

/** Whether the text is not for our eyes: its `body` is a hint for old clients at best. */
export function isEncrypted(el: Element): boolean {
  return (
    omemo(el) !== undefined ||
    has(el, 'openpgp', 'urn:xmpp:openpgp:0') ||
    has(el, 'x', 'jabber:x:encrypted') ||
    has(el, 'encryption', 'urn:xmpp:eme:0')
  )
}

/** Retractions, those of a room's moderator (XEP-0425) too; an archive's tombstone is in the namespace only. */
function isRetraction(el: Element): boolean {
  return retractedId(el) !== undefined || inNamespace(el, NS.retract)
}

function isInvitation(el: Element): boolean {
  const user = child(el, 'x', NS.mucUser)
  return (user !== undefined && child(user, 'invite') !== undefined) || has(el, 'x', NS.conference)
}
