/** JSON Schema of the payloads that Apple's phones get, for authors of apps: what stands beside `aps`, and in it. */

/** Version of the payload: it rises where a key changes its meaning or goes, not for new keys. */
const VERSION = 1

const text = (description: string) => ({ type: 'string', description })
const seconds = (description: string) => ({
  type: 'integer',
  description: `${description}, seconds since 1970.`,
})

const BESIDE = {
  account: text('Bare JID of the account that it is for; always there.'),
  kind: text('Rule that rang: body, file, encrypted, call, call-missed, invitation … (`belfry push rules`).'),
  from: text('Bare JID of the sender, or of the room. INPerson: its handle, of an unknown type.'),
  name: text('Name of the sender or room. INPerson.displayName, or the group’s name.'),
  nick: text('Speaker in the room.'),
  avatar: text(
    'SHA-1 of the sender’s picture, 40 hexadecimal digits: a key into the app’s own store of pictures.',
  ),
  'avatar-url': {
    type: 'string',
    format: 'uri',
    description:
      'Address of that picture, where its owner publishes one that lies on this server (XEP-0084): to be fetched once ' +
      'for a hash that the app does not have. INImage(imageData:).',
  },
  'chat-id': text(
    'Conversation, the same for each of its messages. INSendMessageIntent.conversationIdentifier.',
  ),
  'collapse-id': text('Identifier of the notification on the phone, for removeDeliveredNotifications.'),
  remove: {
    type: 'array',
    items: { type: 'string' },
    description:
      'Names (collapse-id) of notifications that have gone: removeDeliveredNotifications(withIdentifiers:). Only of an app with ' +
      '`removals`; beside an alert, and alone in a push that wakes the app.',
  },
  'stanza-id': text('Id of the message in the account’s archive (XEP-0359).'),
  mention: { const: true, description: 'The account is named. Donation metadata: mentionsCurrentUser.' },
  reply: { const: true, description: 'It answers the account’s own message: isReplyToCurrentUser.' },
  'recipient-count': {
    type: 'integer',
    minimum: 1,
    description: 'Others who get it, in a room: recipientCount.',
  },
  attachment: {
    type: 'object',
    description: 'File to fetch and attach.',
    required: ['url'],
    properties: { url: { type: 'string', format: 'uri' }, type: text('Media type.') },
  },
  event: text('What has changed, of a push that only wakes the app: reaction, correction, retraction.'),
  call: { enum: ['proposed', 'ended'], description: 'Report it to CallKit, or take it off the screen.' },
  sid: text('Session id of the call (XEP-0353).'),
  sender: text('Full JID of the caller; for Siskin and Snikket the sender.'),
  media: { type: 'array', items: { enum: ['audio', 'video'] }, description: 'Media of the call.' },
  reason: {
    enum: ['ended', 'cancelled', 'unanswered', 'answered-elsewhere', 'declined-elsewhere'],
    description: 'How a call ended: CXCallEndedReason.',
  },
  sent: seconds('Begin of the call'),
  expires: seconds('End of its ringing: drop a ring that is over'),
  'message-count': { type: 'integer', description: 'Unread messages, of a silent push (XEP-0357 §6).' },
  'last-message-sender': text('Of a silent push.'),
  'last-message-body': text('Of a silent push.'),
  'unread-messages': { type: 'integer', description: 'For Siskin and Snikket.' },
  body: text('For Siskin and Snikket.'),
  nickname: text('For Siskin and Snikket.'),
  encrypted: text('Content sealed with the key of the registration (tigase:push:encrypt:0), base64.'),
  iv: text('Its initialization vector, base64.'),
} as const

/** Keys beside `aps` that the server writes itself (push/apns/payload.ts). */
export const PAYLOAD_KEYS: ReadonlySet<string> = new Set(Object.keys(BESIDE))

export const payloadSchema: Readonly<Record<string, unknown>> & { readonly properties: object } = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Payload of a push to an Apple device',
  'x-version': VERSION,
  type: 'object',
  required: ['aps', 'account'],
  properties: {
    aps: {
      type: 'object',
      description: 'Apple’s own keys; `target-content-id` is the chat-id, `filter-criteria` the account.',
    },
    ...BESIDE,
  },
  // Keys of [push.apps] custom.
  additionalProperties: { type: ['string', 'number', 'boolean'] },
}
