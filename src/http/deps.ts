/** What the HTTP layer is given: by the server when it runs, by a command that opened the data of a stopped one. */
import type { AuthLimiter } from '../routing/auth-limiter.ts'
import type { Router } from '../routing/router.ts'
import type { Trip, World } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import type { Clock } from '../store/clock.ts'
import type { Tokens } from '../store/tokens.ts'

export interface Check {
  readonly name: string
  readonly ok: boolean
  /** Shown only over the Unix socket and with a token. */
  readonly detail?: string
}

/** One registered phone, as the API shows it. The token itself stays inside. */
export interface DeviceView {
  readonly id: string
  readonly kind: string
  readonly topic: string | null
  readonly environment: string | null
  /** The last characters only. */
  readonly token: string
  readonly state: string
  readonly created: number
  readonly updated: number
}

export interface NewDevice {
  readonly token: string
  readonly topic?: string | undefined
  readonly environment?: 'production' | 'sandbox' | undefined
}

/** Within a trip, but for `list`. */
export interface Devices {
  list(account: Account): readonly DeviceView[]
  /** Registers or refreshes; throws StanzaError where topic or environment do not fit the configuration. */
  add(t: Trip, account: Account, device: NewDevice): DeviceView
  remove(account: Account, id: string): boolean
}

export interface PushTest {
  readonly device: string
  readonly topic: string | null
  readonly result: 'sent' | 'failed'
  readonly status: number | null
  readonly reason: string | null
  readonly apns_id: string | null
}

export interface HttpDeps {
  readonly world: World
  readonly router: Pick<Router, 'run'>
  readonly tokens: Tokens
  readonly devices: Devices
  /** Failed logins, for SASL, Basic and the web alike. */
  readonly logins: AuthLimiter
  readonly clock: Clock
  /** Where pushes go, in one line for people. */
  readonly pushTarget: string
  /** False: a stopped server's data, held by a command. */
  readonly online: boolean
  readonly readiness: () => readonly Check[]
  readonly pushTest?: (account: Account) => Promise<readonly PushTest[]>
}
