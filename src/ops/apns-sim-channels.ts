/** Broadcast channels of the stand-in for Apple: made, listed, deleted, and pushed to, as Apple documents. */
import type { Random } from '../store/clock.ts'
import { parse, type Refusal, type SimHeaders } from './apns-sim-checks.ts'

export interface ChannelAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

interface Channel {
  readonly app: string
  readonly storage: 0 | 1
}

const MOST = 10_000

/** Whether a request is about channels, and no push to a device. */
export const isOfChannels = (path: string | undefined): boolean =>
  path !== undefined && /^\/(?:1\/apps|4\/broadcasts)\//.test(path)

export class SimChannels {
  readonly #random: Random
  readonly #channels = new Map<string, Channel>()

  constructor(random: Random) {
    this.#random = random
  }

  answer(headers: SimHeaders, body: Buffer): ChannelAnswer {
    const path = headers[':path'] ?? ''
    const [, app, what] = /^\/1\/apps\/([^/]+)\/(channels|all-channels)$/.exec(path) ?? []
    const [, target] = /^\/4\/broadcasts\/apps\/([^/]+)$/.exec(path) ?? []
    const answer =
      app !== undefined && what !== undefined
        ? this.#manage(`${headers[':method']} ${what}`, app, headers, body)
        : target === undefined
          ? refuse(404, 'BadPath')
          : this.#send(target, headers, body)
    return 'reason' in answer ? { status: answer.status, body: { reason: answer.reason } } : answer
  }

  #manage(request: string, app: string, headers: SimHeaders, body: Buffer): ChannelAnswer | Refusal {
    const own = [...this.#channels].filter(([, channel]) => channel.app === app)
    if (request === 'GET all-channels') return { status: 200, body: { channels: own.map(([id]) => id) } }
    if (request === 'POST channels') {
      const { 'message-storage-policy': storage, 'push-type': type } = parse(body.toString()) ?? {}
      if (type !== 'LiveActivity') return refuse(400, 'InvalidPushType')
      if (storage !== 0 && storage !== 1) return refuse(400, 'BadMessageStoragePolicy')
      if (own.length >= MOST) return refuse(400, 'CannotCreateChannelConfig')
      const id = Buffer.from(this.#random.bytes(16)).toString('base64')
      this.#channels.set(id, { app, storage })
      return { status: 201, headers: { 'apns-channel-id': id } }
    }
    const found = this.#find(app, headers)
    if ('reason' in found) return found
    if (request === 'GET channels')
      return { status: 200, body: { 'message-storage-policy': found.storage, 'push-type': 'LiveActivity' } }
    if (request !== 'DELETE channels') return refuse(405, 'MethodNotAllowed')
    this.#channels.delete(headers['apns-channel-id'] ?? '')
    return { status: 204 }
  }

  #send(app: string, headers: SimHeaders, body: Buffer): ChannelAnswer | Refusal {
    if (headers[':method'] !== 'POST') return refuse(405, 'MethodNotAllowed')
    if (headers['apns-push-type'] !== 'liveactivity') return refuse(400, 'InvalidPushType')
    const found = this.#find(app, headers)
    if ('reason' in found) return found
    if (body.length > 4096) return refuse(413, 'PayloadTooLarge')
    const { aps } = parse(body.toString()) ?? {}
    if (typeof aps !== 'object' || aps === null) return refuse(400, 'PayloadEmpty')
    if ('event' in aps && aps.event === 'start') return refuse(400, 'BadEvent')
    return { status: 200 }
  }

  #find(app: string, headers: SimHeaders): Channel | Refusal {
    const id = headers['apns-channel-id']
    if (id === undefined) return refuse(400, 'MissingChannelId')
    const channel = this.#channels.get(id)
    return channel?.app === app ? channel : refuse(400, 'ChannelNotRegistered')
  }
}

const refuse = (status: number, reason: string): Refusal => ({ status, reason })
