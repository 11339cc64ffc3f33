/**
 * Broadcast channels of Live Activities (iOS 18): made, listed and deleted at an address of their own, with the credential
 * of the app; one push to a channel reaches every activity that listens to it. A channel starts none.
 */
import { z } from 'zod'
import { OutsideError } from '../../log.ts'
import type { ApnsSender, Asked } from './apns.ts'
import type { Environment } from './credentials.ts'
import { type Answer, TransportError } from './link.ts'
import { parseAnswer } from './reasons.ts'

export type Storage = 'none' | 'newest'

/** An app, and which of Apple's services: channels of one are unknown to the other. */
export interface ChannelsOf {
  readonly topic: string
  readonly environment: Environment
}

export interface Broadcast {
  readonly channel: string
  readonly aps: Readonly<Record<string, unknown>>
  readonly priority: 10 | 5
  /** Seconds since the epoch; 0: now or never. */
  readonly expiration: number
  readonly apnsId: string
}

/** Apple has said no, or nothing. */
export class ChannelRefusal extends OutsideError {
  constructor(
    /** 0 where no answer came. */
    readonly status: number,
    readonly reason: string | undefined,
    detail: string,
  ) {
    super(detail)
  }
}

const MANAGING: Readonly<Record<Environment, string>> = {
  production: 'https://api-manage-broadcast.push.apple.com:2196',
  sandbox: 'https://api-manage-broadcast.sandbox.push.apple.com:2195',
}
/** An app may have 10,000 channels, whose names have no stated length. */
const LONGEST_LIST = 2 ** 21

const listed = z.object({ channels: z.array(z.string()) })
const shown = z.object({ 'message-storage-policy': z.union([z.literal(0), z.literal(1)]) })

export class ApnsChannels {
  readonly #sender: Pick<ApnsSender, 'ask'>

  constructor(sender: Pick<ApnsSender, 'ask'>) {
    this.#sender = sender
  }

  /** @throws ChannelRefusal as all of these do */
  async create(of: ChannelsOf, storage: Storage): Promise<string> {
    const body = { 'message-storage-policy': storage === 'newest' ? 1 : 0, 'push-type': 'LiveActivity' }
    const { channelId } = await this.#manage(of, 'POST', 'channels', { body: JSON.stringify(body) })
    if (channelId === undefined) throw new ChannelRefusal(0, undefined, 'Apple’s answer names no channel.')
    return channelId
  }

  async list(of: ChannelsOf): Promise<string[]> {
    const { body } = await this.#manage(of, 'GET', 'all-channels', {})
    return read(listed, body).channels
  }

  async show(of: ChannelsOf, channel: string): Promise<Storage> {
    const { body } = await this.#manage(of, 'GET', 'channels', { channel })
    return read(shown, body)['message-storage-policy'] === 1 ? 'newest' : 'none'
  }

  async delete(of: ChannelsOf, channel: string): Promise<void> {
    await this.#manage(of, 'DELETE', 'channels', { channel })
  }

  async send(of: ChannelsOf, { channel, aps, priority, expiration, apnsId }: Broadcast): Promise<void> {
    await this.#ask(of, {
      headers: {
        ':path': `/4/broadcasts/apps/${encodeURIComponent(of.topic)}`,
        'apns-channel-id': channel,
        'apns-push-type': 'liveactivity',
        'apns-priority': String(priority),
        'apns-expiration': String(expiration),
        'apns-request-id': apnsId,
      },
      body: JSON.stringify({ aps }),
    })
  }

  #manage(
    of: ChannelsOf,
    method: string,
    what: string,
    { channel, body = '' }: { channel?: string; body?: string },
  ) {
    return this.#ask(of, {
      headers: {
        ':method': method,
        ':path': `/1/apps/${encodeURIComponent(of.topic)}/${what}`,
        ...(channel === undefined ? {} : { 'apns-channel-id': channel }),
      },
      body,
      origin: MANAGING[of.environment],
      longestAnswer: LONGEST_LIST,
    })
  }

  async #ask({ topic, environment }: ChannelsOf, asked: Asked): Promise<Answer> {
    let answer: Answer | undefined
    try {
      answer = await this.#sender.ask(topic, environment, asked)
    } catch (error) {
      if (!(error instanceof TransportError)) throw error
      const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
      throw new ChannelRefusal(0, undefined, `Apple gave no answer: ${error.message}${cause}`)
    }
    if (!answer)
      throw new ChannelRefusal(0, 'AppNotConfigured', `${topic} has no way to Apple’s ${environment}.`)
    const { status, body } = answer
    if (status >= 200 && status < 300) return answer
    const { reason } = parseAnswer(body)
    throw new ChannelRefusal(
      status,
      reason,
      `Apple answered ${status}${reason === undefined ? '' : ` ${reason}`}.`,
    )
  }
}

function read<T>(schema: z.ZodType<T>, body: string): T {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    // Not JSON: judged below like any other answer that is none.
  }
  const { success, data } = schema.safeParse(value)
  if (!success) throw new ChannelRefusal(0, undefined, 'Apple’s answer cannot be read.')
  return data
}
