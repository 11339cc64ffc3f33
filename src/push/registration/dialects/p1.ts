/**
 * `p1:push` of ProcessOne's ejabberd, as XMPPFramework's module XMPPProcessOne sends it: one element holds all. What it
 * asks of the session (keepalive, duration, status) is Stream Management's business here and is not looked at.
 */
import type { DeviceOptions } from '../../../store/devices.ts'
import { StanzaError } from '../../../xmpp/errors.ts'
import { child, childText, type Element } from '../../../xmpp/xml.ts'
import type { Wanted } from './wanted.ts'
import { readP1Id } from './web-push.ts'

export const P1_PUSH = 'p1:push'

/** `appId` is whatever the server before called the app: it may be a topic. */
export function readP1Push(push: Element): Wanted & { readonly appId: string | undefined } {
  const notification = child(push, 'notification')
  const type = notification && childText(notification, 'type')?.trim()
  const token = notification && childText(notification, 'id')?.trim()
  if (type !== 'applepush' && type !== 'webpush')
    throw new StanzaError('bad-request', 'type: only applepush and webpush are served here.')
  if (!token) throw new StanzaError('bad-request', 'id: the device token is missing.')
  const appId = childText(push, 'appid')?.trim() || undefined
  if (type === 'webpush') return { ...readP1Id(token), appId, options: optionsOf(child(push, 'body')) }
  return { token, tokenField: 'id', appId, options: optionsOf(child(push, 'body')) }
}

/** Endpoint that a `disable` names; undefined: whatever is this session's. */
export function readP1Disable(disable: Element): string | undefined {
  const notification = child(disable, 'notification')
  const id = notification && childText(notification, 'id')?.trim()
  return id && childText(notification, 'type')?.trim() === 'webpush' ? readP1Id(id).token : undefined
}

function optionsOf(body: Element | undefined): DeviceOptions {
  if (!body) return {}
  const { send, groupchat, from } = body.attrs
  return {
    ...(groupchat === 'false' ? { rooms: [] } : {}),
    ...(from === 'none' ? { hides: 'sender' } : send === 'none' ? { hides: 'body' } : {}),
  }
}
