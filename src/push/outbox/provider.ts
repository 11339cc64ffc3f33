/** Provider: what the dispatcher asks of a service that takes pushes (Apple, the webhook, and whoever joins later). */
import type { Random } from '../../store/clock.ts'
import type { Job } from '../../store/push.ts'

/** Result of one try. The dispatcher acts on this and knows no provider's own words. */
export type Result =
  /** Taken. `environment`: it worked only there, the device learns it. `callsGone`: the address for calls is dead. */
  | {
      readonly is: 'sent'
      readonly environment?: string
      readonly callsGone?: boolean
      /** Id of it in the service's own console: of Apple's sandbox alone. */
      readonly uniqueId?: string
    }
  /** Again later. `untouched`: surely not processed, so no attempt was spent. `whole`: everything for this device waits. */
  | {
      readonly is: 'retry'
      readonly reason: string
      readonly afterMs?: number | undefined
      readonly untouched?: boolean
      readonly whole?: boolean
    }
  /** A newer one stands for it. */
  | { readonly is: 'merged'; readonly into: Job }
  /** A push that can never succeed. `unsent`: nobody was asked, so that it says nothing of the provider. */
  | { readonly is: 'drop'; readonly reason: string; readonly unsent?: true; readonly uniqueId?: string }
  /** Name of the rule that makes it needless since it was queued. */
  | { readonly is: 'withdrawn'; readonly rule: string }
  /** The device is gone, unless it registered again after `since` (ms). */
  | { readonly is: 'forget'; readonly reason: string; readonly since: number; readonly uniqueId?: string }
  /** The lane must rest: a fault that only the operator or time can mend. */
  | {
      readonly is: 'pause'
      readonly reason: string
      readonly afterMs?: number | undefined
      readonly operator: boolean
      /** Not only this lane: all that share its credential and connection. */
      readonly shared?: boolean
    }

/** A request is about to go on the wire: undefined where it may. */
export type Leaves = () => Result | undefined

export interface Provider {
  /** For metrics and the log: apns, simulator, webhook. */
  readonly name: string
  /** Requests that may be under way at a time, in all and in one lane. */
  readonly concurrency: number
  readonly laneConcurrency: number
  /** Likewise, where it differs from lane to lane. */
  bound?(lane: string): number
  /** A failed request blocks its lane until it is sent or given up. */
  readonly ordered: boolean
  /** Rows that were dropped are kept for the operator to send again. */
  readonly replayable: boolean
  /**
   * Pushes of one lane share their fate: a pause stops them all. Its name begins with that of the provider; it is asked
   * for each push.
   */
  lane(job: Job): string
  /** Lanes of one credential and connection: they rest together when that is at fault. */
  group?(job: Job): string
  /** The provider keeps pushes for long (a connection to be made): it asks `leaves` when each request goes. */
  readonly lingers?: true
  /** Why lane `name` does not get on, while its provider cannot be reached. */
  trouble?(name: string): string | undefined
  /** Never rejects. What `leaves` returns is the end of it. */
  send(job: Job, leaves: Leaves): Promise<Result>
  stop(ms: number): Promise<void>
}

export interface Providers {
  /** By the kind of the devices that each rings. Rows for devices of another kind are dropped: nothing is configured. */
  readonly providers?: Readonly<Record<string, Provider | undefined>>
  readonly webhook?: Provider | undefined
}

/** Provider of a push: by the kind of its device, or the webhook. */
export function providerOf({ device }: Job, { providers = {}, webhook }: Providers): Provider | undefined {
  if (!device) return webhook
  return Object.hasOwn(providers, device.kind) ? providers[device.kind] : undefined
}

/** The wait before try `attempt` (1 is the first repetition): doubling, of which a random half. */
export function backoff(attempt: number, firstMs: number, capMs: number, random: Random): number {
  const whole = Math.min(capMs, firstMs * 2 ** Math.min(attempt - 1, 30))
  return whole / 2 + (whole / 2) * (random.bytes(2).readUInt16BE() / 65_536)
}
