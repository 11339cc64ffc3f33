/**
 * `apns2` composes the request (path, headers, body); it does not send it. Its own transport is undici, which Bun
 * replaces by a stub that sends nothing, and which would neither multiplex nor have deadlines. `send()` builds the
 * request and hands it to `client.request` before its first await, so a client that only keeps what it is given turns
 * it into a function.
 */
import { ApnsClient, Notification, type PushType } from 'apns2'
import type { PushType as ApplePushType } from '../../store/outbox-table.ts'
import type { Headers } from './link.ts'

export type PushKind = ApplePushType

export interface ApnsRequest {
  /** The app's bundle identifier; the suffix of the push type is added here. */
  readonly topic: string
  readonly environment: 'production' | 'sandbox'
  readonly token: string
  readonly apnsId: string
  readonly collapseId?: string | undefined
  readonly pushType: PushKind
  readonly priority: 10 | 5 | 1
  /** Seconds since the epoch; 0 = try once, do not keep. */
  readonly expiration: number
  readonly payload: { readonly aps: Readonly<Record<string, unknown>>; readonly [key: string]: unknown }
}

export interface Composed {
  readonly headers: Headers
  readonly body: string
}

const TOPIC_SUFFIX: Readonly<Record<PushKind, string>> = {
  alert: '',
  background: '',
  voip: '.voip',
  liveactivity: '.push-type.liveactivity',
  location: '.location-query',
  complication: '.complication',
  fileprovider: '.pushkit.fileprovider',
  pushtotalk: '.voip-ptt',
  widgets: '.push-type.widgets',
  controls: '.push-type.controls',
}

/** Topic of a push type. */
export const topicFor = (topic: string, type: PushKind): string => topic + TOPIC_SUFFIX[type]

interface Recorded {
  path: string
  headers: Record<string, string>
  body: string
}

export class Composer {
  readonly #client: ApnsClient
  #recorded: Recorded | undefined

  constructor() {
    this.#client = new ApnsClient({ team: '', keyId: '', signingKey: '', keepAlive: false })
    const record = {
      request: (request: Recorded) => {
        this.#recorded = request
        return { statusCode: 200 }
      },
    }
    // Both are private or read-only in apns2's types: the token is ours (apns-token.ts), the wire too (apns-link.ts).
    Object.defineProperty(this.#client, 'client', { value: record })
    Object.defineProperty(this.#client, '_getSigningToken', { value: () => '' })
  }

  /** `jwt` is left out where a certificate signs in. */
  compose(request: ApnsRequest, jwt: string | undefined): Composed {
    const { aps, ...data } = request.payload
    const notification = new Notification(request.token, {
      // apns2 lists fewer push types than Apple; the value goes to the header as it is.
      type: request.pushType as PushType,
      topic: topicFor(request.topic, request.pushType),
      priority: request.priority,
      expiration: request.expiration,
      ...(request.collapseId === undefined ? {} : { collapseId: request.collapseId }),
      aps,
      data,
    })
    this.#recorded = undefined
    // The stub's answer settles it at once; what matters is what was recorded before the first await.
    this.#client.send(notification).catch(() => undefined)
    const recorded: Recorded | undefined = this.#recorded
    if (!recorded) throw new Error('apns2 composed no request')
    const { path, headers, body } = recorded as Recorded
    const { authorization: _, ...rest } = headers
    return {
      body,
      headers: {
        ':path': path,
        ...rest,
        ...(jwt === undefined ? {} : { authorization: `bearer ${jwt}` }),
        'apns-id': request.apnsId,
        // apns2 leaves out 10; a default that is not ours is not a contract.
        'apns-priority': String(request.priority),
      },
    }
  }
}
