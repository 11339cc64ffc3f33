/**
 * Siskin, Snikket and others on Tigase's library. The app first asks for a node by the command `register-device`, then
 * enables it with extensions beside the form.
 */
import type { DeviceOptions, RoomFilter } from '../../../store/devices.ts'
import { StanzaError } from '../../../xmpp/errors.ts'
import type { FormValues } from '../../../xmpp/forms.ts'
import { Jid, jidOr } from '../../../xmpp/jid.ts'
import { child, children, type Element, elements } from '../../../xmpp/xml.ts'
import { readNode } from './node.ts'
import { type EnableDialect, isTrue, text } from './wanted.ts'

const IGNORE_UNKNOWN = 'tigase:push:filter:ignore-unknown:0'
const MUTED = 'tigase:push:filter:muted:0'
const GROUPCHAT = 'tigase:push:filter:groupchat:0'
const PRIORITY = 'tigase:push:priority:0'
const ENCRYPT = 'tigase:push:encrypt:0'
const JINGLE = 'tigase:push:jingle:0'
/** Features of an account that make the app use it. */
export const TIGASE_FEATURES: readonly string[] = [
  IGNORE_UNKNOWN,
  MUTED,
  GROUPCHAT,
  PRIORITY,
  ENCRYPT,
  'tigase:push:encrypt:aes-128-gcm',
  JINGLE,
  'tigase:push:away:0',
]
/** Features that the command's result lists: the component can pass encrypted content on. */
export const TIGASE_SERVICE_FEATURES: readonly string[] = [ENCRYPT]
/** Bytes of content before encryption that surely fit into 4096 bytes after it. */
export const TIGASE_PAYLOAD = 2700

const KEY_BYTES = 16

export interface TigaseDevice {
  readonly provider: string | undefined
  readonly token: string
  readonly voipToken: string | undefined
}

/** The form of `register-device` and `unregister-device`. */
export function readTigaseDevice(form: FormValues): TigaseDevice {
  const token = text(form, 'device-token')
  if (token === undefined) throw new StanzaError('bad-request', 'device-token: a value is needed.')
  return { provider: text(form, 'provider'), token, voipToken: text(form, 'device-second-token') }
}

export const tigase: EnableDialect = (enable) => {
  const { node, away } = enable.attrs
  if (!node) return undefined
  const parts = readNode(node)
  const extended = elements(enable).some(({ attrs }) => attrs.xmlns?.startsWith('tigase:push:'))
  if (!extended && away === undefined && parts?.voipToken === undefined) return undefined
  return {
    token: parts?.token ?? node,
    tokenField: 'node',
    voipToken: parts?.voipToken,
    topic: parts?.topic,
    accounts: 'many',
    options: optionsOf(enable),
  }
}

function optionsOf(enable: Element): DeviceOptions {
  const muted = child(enable, 'muted', MUTED)
  const groupchat = child(enable, 'groupchat', GROUPCHAT)
  const encrypt = child(enable, 'encrypt', ENCRYPT)
  return {
    dialect: 'tigase',
    ...(isTrue(enable.attrs.away) ? { away: true } : {}),
    ...(child(enable, 'priority', PRIORITY) ? { byContent: true } : {}),
    ...(child(enable, 'jingle', JINGLE) ? { calls: true } : {}),
    ...(child(enable, 'ignore-unknown', IGNORE_UNKNOWN) ? { ignoreUnknown: true } : {}),
    ...(muted ? { muted: children(muted, 'item').map((item) => bareJid(item, 'muted')) } : {}),
    ...(groupchat ? { rooms: children(groupchat, 'room').map(roomFilter) } : {}),
    ...(encrypt ? { encryption: encryptionOf(encrypt) } : {}),
  }
}

function roomFilter(room: Element): RoomFilter {
  const jid = bareJid(room, 'groupchat')
  const { allow, nick } = room.attrs
  if (allow === 'always') return { jid, allow }
  if (allow !== 'mentioned' || !nick)
    throw new StanzaError('bad-request', 'groupchat: a room allows always, or mentioned with a nick.')
  return { jid, allow, nick }
}

function bareJid(el: Element, field: string): string {
  return jidOr(
    () => Jid.parse(el.attrs.jid ?? '').bare,
    (error) => {
      throw new StanzaError('bad-request', `${field}: ${error.message}`)
    },
  )
}

function encryptionOf(encrypt: Element): NonNullable<DeviceOptions['encryption']> {
  if (encrypt.attrs.alg !== 'aes-128-gcm')
    throw new StanzaError('bad-request', 'encrypt: aes-128-gcm is the only algorithm.')
  const key = Buffer.from(encrypt.getText().trim(), 'base64')
  if (key.length !== KEY_BYTES)
    throw new StanzaError('bad-request', `encrypt: the key is ${KEY_BYTES} bytes in base64.`)
  const encryption = { scheme: 'aes-128-gcm', key: key.toString('base64') } as const
  const size = encrypt.attrs['max-size']
  if (size === undefined) return encryption
  if (!/^\d{1,6}$/.test(size) || Number(size) < 100)
    throw new StanzaError('bad-request', 'encrypt: max-size is a number of bytes from 100.')
  return { ...encryption, maxSize: Number(size) }
}
