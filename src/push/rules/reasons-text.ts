/** The names in verdicts in words that tell a person what happened and what to do. Unknown names stay as they are. */
import { APNS_REASONS, type Outcome } from '../apns/reasons.ts'
import { PUSH_RULES } from './classify.ts'

const VERDICTS: Readonly<Record<string, string>> = {
  sent: 'taken by the provider',
  held: 'kept back until later',
  suppressed: 'not rung',
  dropped: 'given up',
  forgotten: 'the device was removed',
  withdrawn: 'taken back before it was sent',
  coalesced: 'merged into a later push of the same chat',
}

const RULES: Readonly<Record<string, string>> = {
  away: 'nobody was there to read it',
  'session-active': 'a connected app took the message',
  'account-disabled': 'the account is disabled',
  blocked: 'the sender was blocked meanwhile',
  muted: 'the chat is muted',
  'not-mentioned': 'the chat rings for mentions alone',
  'unknown-sender': 'the sender is no contact, and only contacts may ring',
  'quiet-hours': 'it came in the quiet hours',
  'device-muted': 'its person has muted the device',
  'device-quiet-hours': 'it came in the device’s own quiet hours',
  'room-not-chosen': 'the app asked for other rooms alone',
  'room-not-mentioned': 'the app asked for mentions in this room alone',
  'inactive-unacked': 'the app is in the background and may still show that it has it',
  'call-unacked': 'the app is connected and may still show that it has the call',
  'other-device-active': 'another device is in use and may still read it',
  'read-elsewhere': 'it was read on another device',
  'late-ack': 'an app has shown late that it has it',
  acked: 'the app has shown that it has it',
  retracted: 'it was taken back before it was read',
  badge: 'only the number on the icon changes',
  remove: 'notices of what was read elsewhere or taken back go off the screen',
  corrected: 'its sender has corrected what the phone shows',
  digest: 'the daily digest of muted rooms',
  reacted: 'a reaction to the account’s own message',
  joined: 'a contact that has joined by the account’s invitation',
  'call-missed': 'a call that nobody took',
  'shows-nothing': 'a browser’s push has to show something, and this only changes a number or a message',
  burst: 'too many came within a minute',
  'too-many-requests': 'the provider asked for fewer pushes to this phone',
}

/** Ours, not Apple's. */
const REASONS: Readonly<Record<string, string>> = {
  Expired: 'it waited longer than [push] expiration',
  DeviceGone: 'the device was removed while it waited',
  NotConfigured: 'no [[push.apps]] is configured',
  AppNotConfigured: 'no [[push.apps]] has this topic and environment',
  NoConnection: 'the provider cannot be reached',
  NoAnswer: 'the provider did not answer in time',
  retry: 'the last try failed, and the next one has its time',
  PrivateAddress:
    'the address belongs to a private network; see allow_private in [webhook] and [push.webpush]',
  EndpointRefused: 'the endpoint is not one that [push.webpush] allows',
  NoKeys: 'the subscription has no keys: its app must register again',
  VapidKeyLost:
    'the key that the subscription was made with is not in the data any more: its app must subscribe anew',
  VapidPkHashMismatch: 'the subscription was made with another key than the app has told',
  BadJwtToken: 'the push service refuses our token: see [push.webpush] contact, and this machine’s clock',
  Crowded: 'too many requests to push services that users have named are under way',
  UNREGISTERED: 'the app was removed from the phone; it registers again when it is opened',
  SENDER_ID_MISMATCH: 'the token belongs to another project: compare service_account_file with the app’s',
  THIRD_PARTY_AUTH_ERROR: 'the project’s own credential at Apple or for the web is not valid',
  QUOTA_EXCEEDED: 'Google asks for fewer pushes',
  invalid_grant: 'Google refuses the service account’s key: it was deleted, or this machine’s clock is wrong',
  invalid_client: 'Google does not know this service account',
  NoAccessToken: 'Google gives out no access token',
  InvalidProviderToken:
    'Apple refuses the key: compare team_id, key_id and key_file, and this machine’s clock',
  ExpiredProviderToken: 'Apple calls a fresh token expired: check this machine’s clock',
  BadDeviceToken: 'Apple does not know this token: an app from Xcode needs environment = "sandbox"',
  DeviceTokenNotForTopic: 'the token belongs to another app: compare topic with the app’s bundle id',
  Unregistered: 'the app was removed from the phone; it registers again when it is opened',
  TopicDisallowed: 'this key or certificate may not push to the topic',
}

const OUTCOMES: Readonly<Record<Outcome, string>> = {
  accepted: 'Apple took it',
  delete: 'Apple calls the token dead; the app registers again when it is opened',
  misfit: 'the token belongs to another app: compare topic with the app’s bundle id',
  environment: 'the token belongs to the other environment, or is none',
  config: 'Apple refuses this key, certificate or topic: see belfry app check',
  pause: 'Apple asks for a rest',
  retry: 'Apple has a fault of its own; it is tried again',
  later: 'this phone was rung too often; it is tried again later',
  shorten: 'it was too large',
  kept: 'it was not sent',
  drop: 'the request was malformed: please report this as a bug',
}

/** Meaning of a verdict's rule and reason, in one phrase. */
export function inWords(entry: {
  readonly verdict?: string | undefined
  readonly rule: string
  readonly reason?: string | null | undefined
}): string {
  const { verdict, rule, reason } = entry
  const parts = [
    verdict === undefined ? undefined : (VERDICTS[verdict] ?? verdict),
    why(verdict, rule, reason),
  ]
  return parts.filter((part) => part !== undefined).join(': ')
}

function why(verdict: string | undefined, rule: string, reason: string | null | undefined): string {
  if (typeof reason !== 'string') return ruleInWords(rule)
  // What stands there is ours: the time, or the message that rings for it.
  if (verdict === 'held') return `${ruleInWords(rule)}; until ${reason}`
  if (verdict === 'coalesced') return `${ruleInWords(rule)}; ${reason}`
  return reasonInWords(reason)
}

export function ruleInWords(rule: string): string {
  if (rule.startsWith('direct-')) return `your back end has sent it (${rule.slice('direct-'.length)})`
  return RULES[rule] ?? PUSH_RULES.find((entry) => entry.rule === rule)?.what ?? rule
}

export function reasonInWords(reason: string): string {
  const known = APNS_REASONS[reason]
  return REASONS[reason] ?? (known ? OUTCOMES[known.outcome] : reason)
}
