/**
 * `p1:push` of ProcessOne's ejabberd, as XMPPFramework's module XMPPProcessOne sends it: one element holds all. What it
 * asks of the session (keepalive, duration, status) is Stream Management's business here and is not looked at.
 */
import type { DeviceOptions } from '../../../store/devices.ts'
import { StanzaError } from '../../../xmpp/errors.ts'
import { child, childText, type Element } from '../../../xmpp/xml.ts'
import type { Wanted } from './wanted.ts'

export const P1_PUSH = 'p1:push'

/** `appId` is whatever the server before called the app: it may be a topic. */
export function readP1Push(push: Element): Wanted & { readonly appId: string | undefined } {
  const notification = child(push, 'notification')
  const type = notification && childText(notification, 'type')?.trim()
  const token = notification && childText(notification, 'id')?.trim()
  if (type !== 'applepush') throw new StanzaError('bad-request', 'type: only applepush is served here.')
  if (!token) throw new StanzaError('bad-request', 'id: the device token is missing.')
  const appId = childText(push, 'appid')?.trim() || undefined
  return { token, tokenField: 'id', appId, options: optionsOf(child(push, 'body')) }
}

function optionsOf(body: Element | undefined): DeviceOptions {
  if (!body) return {}
  const { send, groupchat, from } = body.attrs
  return {
    ...(groupchat === 'false' ? { rooms: [] } : {}),
    ...(from === 'none' ? { hides: 'sender' } : send === 'none' ? { hides: 'body' } : {}),
  }
}
