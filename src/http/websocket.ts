/** /xmpp-websocket: an ordinary request until it has passed every guard, then a socket for a stream (RFC 7395 §3.1). */
import { type App, route, stream } from './policy.ts'
import { HttpError } from './problem.ts'

export const WEBSOCKET_PATH = '/xmpp-websocket'

export function addWebSocket(app: App): void {
  const asked = route(stream, {
    method: 'get',
    path: WEBSOCKET_PATH,
    operationId: 'webSocket',
    summary: 'XMPP over WebSocket (RFC 7395)',
    responses: { 101: { description: 'From here on the subprotocol "xmpp" is spoken' } },
  })
  app.openapi(asked, (c) => {
    const { web } = c.get('deps')
    const { door } = c.env
    if (c.req.header('upgrade')?.toLowerCase() !== 'websocket' || !door || !web) {
      throw new HttpError(426, 'websocket-only', 'This is for WebSocket clients.', {
        headers: { upgrade: 'websocket' },
      })
    }
    const protocols = (c.req.header('sec-websocket-protocol') ?? '').split(',').map((name) => name.trim())
    if (!protocols.includes('xmpp'))
      throw new HttpError(400, 'no-subprotocol', 'Ask for the WebSocket subprotocol "xmpp".')
    const client = { ip: c.get('ip'), encrypted: c.get('encrypted') }
    if (!door.upgrade(web.webSocket(client), 'xmpp'))
      throw new HttpError(400, 'bad-upgrade', 'The request is no WebSocket handshake.')
    // The connection has left HTTP; the runtime throws this away.
    return new Response(null)
  })
}
