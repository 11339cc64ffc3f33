/** An outbox and the simulator, for plays of the whole way from a committed row to Apple's answer on disk. */
import { afterEach, beforeEach } from 'bun:test'
import type { ApnsSim } from '../../src/ops/apns-sim.ts'
import { ApnsProvider } from '../../src/push/apns/provider.ts'
import { Dispatcher, type DispatcherOptions } from '../../src/push/outbox/dispatcher.ts'
import type { Provider } from '../../src/push/outbox/provider.ts'
import type { Account } from '../../src/store/accounts.ts'
import { systemClock, systemRandom } from '../../src/store/clock.ts'
import type { Device, Registration } from '../../src/store/devices.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import type { RunTrip, WriteTx } from '../../src/store/tx.ts'
import { deviceToken, senderTo, startApple, TOPIC } from '../support/apns.ts'

const keys = {
  salt: Buffer.alloc(16),
  iterations: 4096,
  storedKey: Buffer.alloc(32),
  serverKey: Buffer.alloc(32),
}
const RETRY = { firstMs: 20, capMs: 50 }

export let store: Store
export let sim: ApnsSim
export let juliet: Account
/** What the play has opened. */
export let open: (() => unknown)[]

/** Each play of the file has its own. */
export function outbox(): void {
  beforeEach(async () => {
    open = []
    store = openStore(':memory:', { flushed() {}, fatal() {} })
    sim = await startApple()
    open.push(() => sim.close())
    juliet = await account('juliet@bix.org')
  })

  afterEach(async () => {
    for (const close of open.reverse()) await close()
    store.close()
  })
}

export async function account(jid: string): Promise<Account> {
  const all = { 'SHA-1': keys, 'SHA-256': keys }
  const made = await run(() => store.accounts.create(jid, 'bix.org', all, 0))
  if (!made) throw new Error('not made')
  return made
}

/** What the router's door does. */
export function run<T>(f: (t: WriteTx) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    try {
      store.turn.trip(() => {
        const result = f({ store })
        store.turn.after(() => resolve(result))
      }, reject)
    } catch (error) {
      reject(error instanceof Error ? error : new Error(String(error)))
    }
  })
}

export function dispatcher({
  apns,
  ...options
}: Partial<DispatcherOptions> & { apns?: Provider } = {}): Dispatcher {
  const providers = { apns, ...options.providers }
  const made = new Dispatcher({
    push: store.push,
    badges: store.badges,
    run,
    clock: systemClock,
    random: systemRandom,
    retry: RETRY,
    ...options,
    providers,
  })
  open.push(() => made.stop(1_000))
  made.start()
  return made
}

export const apns = (options: Parameters<typeof senderTo>[1] = {}): Provider =>
  new ApnsProvider({
    sender: senderTo(sim, options),
    style: () => ({ body: 'full' }),
    clock: systemClock,
    bytes: (n) => systemRandom.bytes(n),
  })

export const device = (n: number, more: Partial<Registration> = {}): Promise<Device> =>
  run(() =>
    store.push.devices.enable(
      juliet.id,
      { kind: 'apns', topic: TOPIC, assumed: 'production', address: deviceToken(n), ...more },
      Date.now(),
      10_000,
    ),
  )

export function queue(
  to: Device | undefined,
  messageId: string,
  { ttl = 3_600_000, badge = 1, account = juliet }: { ttl?: number; badge?: number; account?: Account } = {},
): Promise<void> {
  const now = Date.now()
  const text = { sender: 'romeo@bix.org', title: 'Romeo', body: `message ${messageId}`, badge }
  return run(() =>
    store.push.queue({
      account,
      device: to,
      messageId,
      collapseId: messageId,
      kind: 'body',
      ...text,
      now,
      expiresAt: now + ttl,
    }),
  )
}

/** Of the first pushes with an end, once there are `n`: whose they were and what became of them, `m1 dropped: Expired`. */
export async function explained(n: number): Promise<string[]> {
  await until(() => store.push.explain(juliet.id, 10_000).length >= n)
  const all = store.push.explain(juliet.id, 10_000)
  return all
    .map(({ verdict, reason, messageId }) => `${messageId} ${verdict}${reason === null ? '' : `: ${reason}`}`)
    .reverse()
}

/** Lanes that rest. */
export const resting = (sending: Dispatcher) => sending.lanes().filter(({ until: at }) => at !== null)

/** Devices of all accounts. */
export const deviceCount = (of: Store = store): number =>
  of.db.raw.query<{ n: number }, []>('SELECT count(*) AS n FROM devices').get()?.n ?? 0

/** Looks once per turn of the loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition())
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
}

/** Apple refuses the first push, m1, and its lane rests until it is told to go on. */
export async function rests() {
  const sending = dispatcher({ apns: apns() })
  sim.script({ status: 403, reason: 'InvalidProviderToken', times: 1 })
  const phone = await device(1)
  await queue(phone, 'm1')
  await until(() => resting(sending).length > 0)
  return { sending, phone }
}

/** A door whose trips are done at once and are heard of when the gate opens. */
export function gated() {
  const gate = Promise.withResolvers<void>()
  const late: RunTrip = async (f) => {
    const result = await run(f)
    await gate.promise
    return result
  }
  return { late, gate }
}
