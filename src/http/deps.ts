/** Dependencies of the HTTP layer: given by the server when it runs, by a command that opened the data of a stopped one. */
import type { Backups } from '../ops/backups.ts'
import type { Jobs } from '../ops/jobs.ts'
import type { SimPhones } from '../ops/apns-sim-phones.ts'
import type { Check } from '../ops/readiness.ts'
import type { Alarm } from '../push/diagnose/alarms.ts'
import type { AppState } from '../push/apns/apns.ts'
import type { ApnsChannels } from '../push/apns/channels.ts'
import type { LaneState } from '../push/outbox/queue.ts'
import type { ProbeResult } from '../push/apns/probe.ts'
import type { TestResult } from '../push/diagnose/test-push.ts'
import type { AuthLimiter } from '../limits/auth-limiter.ts'
import type { SetupLink } from '../accounts/first-admin.ts'
import type { LogTail } from '../log/tail.ts'
import type { Router } from '../routing/router.ts'
import type { Trip, World } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import type { Clock } from '../store/clock.ts'
import type { WebStreams } from './door.ts'

/** The push service at work. */
export interface PushDoor {
  /** A probe of each app's key or certificate at Apple. */
  check(): Promise<readonly ProbeResult[]>
  lanes(): readonly LaneState[]
  apps(): readonly AppState[]
  alarms(): readonly Alarm[]
  /** Channels of Live Activities; undefined: no app of Apple's. */
  readonly channels?: ApnsChannels | undefined
  /** Phones of the simulator, and how they look. */
  readonly phones?: SimPhones
}

/** A certificate in force, or one that is still to come. */
export interface CertificateView {
  readonly name: string
  readonly origin: 'files' | 'acme' | 'self-signed' | 'none'
  readonly file: string | null
  readonly names: readonly string[]
  readonly issuer: string | null
  readonly serial: string | null
  readonly not_before: string | null
  readonly not_after: string | null
  readonly days_left: number | null
  /** Time at which it is renewed or asked for again; null where the server does not. */
  readonly next: string | null
  readonly failures: number
  readonly error: string | null
}

/** The certificates of a running server. */
export interface CertificateDoor {
  list(): readonly CertificateView[]
  alarms(): readonly string[]
  /** @throws TooEarly, OutsideError */
  renew(host?: string): Promise<void>
  /** Reads the files anew. @throws OutsideError where one cannot be used */
  reload(): Promise<void>
  /** The answer to an authority's challenge by HTTP. */
  answer(token: string): string | undefined
}

/** Keeps the answer to a request under a key, in the trip that makes what it tells of. */
export type Keep = (t: Trip, status: number, answer: unknown) => void

export interface HttpDeps {
  readonly world: World
  readonly router: Pick<Router, 'run' | 'send'>
  /** Failed logins, for SASL, Basic and the web alike. */
  readonly logins: AuthLimiter
  readonly clock: Clock
  /** Set for a request that carries an Idempotency-Key. */
  readonly keep?: Keep
  /** Target of pushes, in one line for people. */
  readonly pushTarget: () => string
  /** False: a stopped server's data, held by a command. */
  readonly online: boolean
  readonly readiness: () => Promise<readonly Check[]>
  /** Absent where there is no data on disk. */
  readonly backups?: Backups
  readonly jobs?: Jobs
  /** Absent where no server runs. */
  readonly certificates?: CertificateDoor
  /** Reloads of the configuration: whether the last was refused, and one now. Absent where no server runs. */
  readonly reloads?: { alarms(): string[]; ask(): Promise<readonly string[]> }
  /** Absent where no server runs. */
  readonly logs?: LogTail
  /** Absent where no server runs. */
  readonly web?: WebStreams
  /** The link, where the start printed one. */
  readonly setup?: SetupLink | undefined
  /** Absent where no server runs. */
  readonly push?: PushDoor
  readonly pushTest?: (account: Account) => Promise<readonly TestResult[]>
}
