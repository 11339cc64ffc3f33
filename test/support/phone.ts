/**
 * What a phone of juliet's shows and why, for plays about push: a scripted Apple on loopback behind the server's own
 * outbox. Nothing waits for silence: once the outbox is drained, Apple has had all that was to be sent.
 */
import { expect } from 'bun:test'
import type { ApnsSim, SimReceived, SimStep } from '../../src/ops/apns-sim.ts'
import { ApnsProvider } from '../../src/push/apns/provider.ts'
import { Dispatcher } from '../../src/push/outbox/dispatcher.ts'
import { outdated } from '../../src/push/schedule/outdated.ts'
import { removalOf } from '../../src/push/schedule/removals.ts'
import { keyApp, senderTo, startApple } from './apns.ts'
import { doorOf } from './door.ts'
import { JULIET } from './story-words.ts'
import type { Play } from './world.ts'

/** What a push makes a phone show, in Apple's own words where it has some. */
export interface Shown {
  readonly account: unknown
  /** `number`: only the number on the icon changes. `update`: the app is woken without a sound. */
  readonly as: 'alert' | 'call' | 'call-ended' | 'number' | 'update'
  readonly title: unknown
  readonly subtitle: unknown
  readonly body: unknown
  readonly badge: unknown
  readonly from: unknown
  readonly nick: unknown
  /** The call that it is about (XEP-0353). */
  readonly sid: unknown
  /** How the call has ended. */
  readonly reason: unknown
  readonly level: unknown
  /** The message that it is about, by its id in the archive. */
  readonly message: unknown
  /** Keys beside Apple's, for the app. */
  readonly data: unknown
  /** Later pushes of the same id take its place on the screen. */
  readonly collapse: string | undefined
}

export class Phone {
  readonly #apple: Apple
  readonly #token: string
  #seen = 0
  #off: number | undefined

  constructor(apple: Apple, token: string) {
    this.#apple = apple
    this.#token = token
  }

  /** Since it was asked last it has rung for these, in this order, and for nothing else. */
  async rings(...expected: Partial<Shown>[]): Promise<void> {
    expect(await this.shows()).toMatchObject(expected.map((shown) => ({ as: 'alert', ...shown })))
  }

  /** Since it was asked last nothing was changed on it but the number on its icon, once. */
  async counts(badge: number): Promise<void> {
    expect(await this.shows()).toMatchObject([{ as: 'number', badge }])
  }

  /** Since it was asked last nothing has come. */
  async isSilent(): Promise<void> {
    expect(await this.shows()).toEqual([])
  }

  /** All that has come since it was asked last. */
  async shows(): Promise<Shown[]> {
    return (await this.gets()).map(shownBy)
  }

  /** The same as it went over the wire. */
  async gets(): Promise<SimReceived[]> {
    await this.#apple.drains()
    const got = this.#apple.sim.received.filter(({ token }) => token === this.#token)
    return got.slice(this.#seen, (this.#seen = got.length))
  }

  /** Apple answers the next push so. */
  refuses(step: SimStep): void {
    this.#apple.sim.script(step)
  }

  /** It has no network from now on. */
  async isOff(): Promise<void> {
    await this.shows()
    this.#off = this.#seen
  }

  /** It has one again: Apple hands over the last push that was to be kept, one for each app and phone, and no more. */
  async comesOn(): Promise<Shown[]> {
    if (this.#off === undefined) throw new Error('the phone is not off')
    await this.shows()
    const meanwhile = this.#apple.sim.received
      .filter(({ token }) => token === this.#token)
      .slice(this.#off, this.#seen)
    const kept = meanwhile.filter(({ headers }) => Number(headers['apns-expiration']) > 0).at(-1)
    this.#off = undefined
    return kept ? [shownBy(kept)] : []
  }

  /** The nth phone or pad of the play. */
  other(n: number): Phone {
    return this.of(tokenOf(n))
  }

  /** What comes to another token. */
  of(token: string): Phone {
    return new Phone(this.#apple, token)
  }

  /** Apple answers from now on. */
  isReached(): void {
    this.#apple.comes()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#apple.goes()
  }
}

interface Apple {
  readonly sim: ApnsSim
  readonly comes: () => void
  readonly goes: () => Promise<void>
  /** Every push that may leave has an answer of Apple's on disk. */
  readonly drains: () => Promise<void>
}

const tokenOf = (n: number): string => String(n).repeat(64)

/** Juliet's first phone. Without `reached` Apple is away, and pushes wait in the outbox. */
export async function phoneOf(p: Play, { reached = true, token = tokenOf(1) } = {}): Promise<Phone> {
  const { apps } = p.config.push
  const sim = await startApple()
  const sender = senderTo(sim, { apps: [], anyTopic: keyApp(sim.url, sim.ca) })
  const apns = new ApnsProvider({
    sender,
    style: (topic) => apps.find((app) => app.topic === topic) ?? { body: 'sender' },
    ringMs: p.config.push.ring_time,
    clock: p.clock,
    bytes: (n) => p.random.bytes(n),
  })
  const dispatcher = new Dispatcher({
    push: p.store.push,
    badges: p.store.badges,
    outdated: (job, counts) => outdated(p.world, job, counts),
    removal: (job) => removalOf(p.world, job),
    run: (f) => p.router.run(f),
    providers: { apns },
    clock: p.clock,
    random: p.random,
  })
  let started = false
  const comes = () => {
    started = true
    dispatcher.start()
  }
  const goes = async () => {
    await dispatcher.stop(1_000)
    await sim.close()
  }
  const drains = async () => {
    for (let i = 0; i < 3; i++) await p.router.run(() => {})
    while (started && p.store.push.counts().queued > 0) await p.router.run(() => {})
  }
  if (reached) comes()
  return new Phone({ sim, comes, goes, drains }, token)
}

/**
 * Why no phone of an account rang, in the words of `belfry push explain`, the oldest first; until when something waits
 * is left out, and what a phone did ring for.
 */
export async function explain(p: Play, jid = JULIET): Promise<string[]> {
  const { body } = await doorOf(p)('GET', `/v1/push/explain?jid=${jid}&limit=500`)
  // The API's own shape, which test/http/push.test.ts holds.
  const { verdicts } = body as { verdicts: { meaning: string }[] }
  return verdicts
    .map(({ meaning }) => meaning.replace(/; until .*/, ''))
    .filter((meaning) => !meaning.startsWith('taken by the provider'))
    .reverse()
}

function shownBy({ payload, headers, collapseId }: SimReceived): Shown {
  const { aps = {}, account, call, from, nick, sid, reason, 'stanza-id': message } = payload
  const {
    alert,
    badge,
    'content-available': wakes,
    'interruption-level': level,
  } = aps as Record<string, unknown>
  const { title, subtitle, body } = (alert ?? {}) as Record<string, unknown>
  const as = headers['apns-push-type'] === 'voip' ? (call === 'proposed' ? 'call' : 'call-ended') : undefined
  const quiet = wakes === undefined ? 'number' : 'update'
  return {
    as: as ?? (alert === undefined ? quiet : 'alert'),
    account,
    title,
    subtitle,
    body,
    badge,
    from,
    nick,
    sid,
    reason,
    level,
    message,
    data: payload,
    collapse: collapseId,
  }
}
