/** A scripted Apple on loopback, a signing key for it, and a sender that talks to it. */
import { generateKeyPairSync } from 'node:crypto'
import { type ApnsSim, type ApnsSimOptions, startApnsSim } from '../../src/ops/apns-sim.ts'
import { type ApnsOptions, type ApnsRequest, ApnsSender } from '../../src/push/apns/apns.ts'
import type { ApnsApp } from '../../src/push/apns/credentials.ts'
import type { SavedToken, TokenStore } from '../../src/push/apns/token.ts'
import { readSigningKey } from '../../src/push/apns/token.ts'
import { systemClock, systemRandom } from '../../src/store/clock.ts'
import type { Device } from '../../src/store/devices.ts'

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const P8 = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
export const PUBLIC_KEY = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()
export const TEAM = 'TEAM123456'
export const KEY_ID = 'KEY1234567'
export const TOPIC = 'org.example.chat'

export class MemoryTokens implements TokenStore {
  readonly saved: SavedToken[] = []
  load(): SavedToken | undefined {
    return this.saved.at(-1)
  }
  save(_team: string, _key: string, token: SavedToken): void {
    this.saved.push(token)
  }
}

export const startApple = (options: ApnsSimOptions = {}): Promise<ApnsSim> =>
  startApnsSim({ publicKey: PUBLIC_KEY, teamId: TEAM, keyId: KEY_ID, ...options })

export function keyApp(endpoint: string, ca: string, app: Partial<ApnsApp> = {}): ApnsApp {
  const signing = { teamId: TEAM, keyId: KEY_ID, key: readSigningKey(P8) }
  return {
    topic: TOPIC,
    environment: 'production',
    endpoint,
    ca,
    credential: { kind: 'key', signing },
    ...app,
  }
}

/** Deadlines a hundred times shorter than in life. */
export const QUICK = { connectMs: 2_000, queueMs: 3_000, backoffMs: 20, backoffCapMs: 100 }

export function senderTo(sim: { url: string; ca: string }, options: Partial<ApnsOptions> = {}): ApnsSender {
  return new ApnsSender({
    apps: [keyApp(sim.url, sim.ca)],
    tokens: new MemoryTokens(),
    clock: systemClock,
    random: systemRandom,
    times: QUICK,
    ...options,
  })
}

export const deviceToken = (n: number): string => n.toString(16).padStart(64, '0')

/** A registration as the store has it. */
export const device = (id: number, topic = TOPIC): Device => ({
  id,
  accountId: 1,
  kind: 'apns',
  topic,
  environment: 'production',
  environmentPinned: false,
  address: deviceToken(id),
  sessionKey: null,
  tie: 'named',
  shared: false,
  node: null,
  service: null,
  createdAt: 0,
  refreshedAt: 0,
  lastSuccess: null,
  lastReason: null,
  callAddress: null,
  options: {},
})

export function request(n: number, change: Partial<ApnsRequest> = {}): ApnsRequest {
  return {
    topic: TOPIC,
    environment: 'production',
    token: deviceToken(n),
    apnsId: `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`,
    collapseId: `message-${n}`,
    pushType: 'alert',
    priority: 10,
    expiration: 2_000_000_000,
    payload: { aps: { alert: { title: 'Romeo', body: `message ${n}` }, badge: n } },
    ...change,
  }
}

/** The keys of [[push.apps]] that have defaults. */
export const APP_DEFAULTS = {
  aliases: [] as string[],
  providers: [] as string[],
  body: 'sender' as const,
  localized: false,
  sound: 'default',
  mutable_content: false,
  attachments: false,
  removals: false,
  calls: 'voip' as const,
  title: 'name' as const,
  content_available: false,
  custom: {},
  critical_alerts: false,
  kinds: {},
}
