/** A push that waits for Apple's connection is looked at again when it leaves: what has come about meanwhile counts. */
import { describe, expect, test } from 'bun:test'
import type { LookupFunction } from 'node:net'
import type { ApnsSim } from '../../src/ops/apns-sim.ts'
import { ApnsProvider } from '../../src/push/apns/provider.ts'
import { Dispatcher } from '../../src/push/outbox/dispatcher.ts'
import { ruleInWords } from '../../src/push/rules/reasons-text.ts'
import { outdated } from '../../src/push/schedule/outdated.ts'
import { systemRandom } from '../../src/store/clock.ts'
import type { Actor } from '../support/actor.ts'
import { keyApp, senderTo, startApple } from '../support/apns.ts'
import { explain } from '../support/phone.ts'
import { cast, chat, says, settle } from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'

const TOML =
  '[push]\nring_time = "20s"\n[[push.apps]]\ntopic = "org.example.chat"\nteam_id = "ABCDE12345"\n' +
  'key_id = "ABC123DEFG"\nkey_file = "AuthKey.p8"\nbody = "full"'
const CALL = `<message to='juliet@bix.org' type='chat' id='c1'><propose xmlns='urn:xmpp:jingle-message:0' id='sid1'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose><store xmlns='urn:xmpp:hints'/></message>`

interface Scene {
  readonly p: Play
  readonly romeo: Actor
  readonly sim: ApnsSim
  /** From now on Apple's name has an address. */
  readonly answers: () => void
  /** Texts and kinds that Apple got. */
  readonly got: () => string[]
}

/** Juliet's phone is away, and nobody finds Apple until `answers`. */
async function scene(f: (scene: Scene) => Promise<void>): Promise<void> {
  const sim = await startApple()
  using p = play({ toml: TOML })
  const found = Promise.withResolvers<void>()
  const lookup: LookupFunction = (_name, _options, done) => {
    void found.promise.then(() => done(null, [{ address: '127.0.0.1', family: 4 }]))
  }
  const sender = senderTo(sim, {
    apps: [keyApp(sim.url.replace('127.0.0.1', 'localhost'), sim.ca)],
    lookup,
    times: { connectMs: 60_000, queueMs: 60_000 },
  })
  const apns = new ApnsProvider({
    sender,
    style: () => ({ body: 'full' }),
    ringMs: p.config.push.ring_time,
    clock: p.clock,
    bytes: (n) => systemRandom.bytes(n),
  })
  const { push, badges } = p.store
  const dispatcher = new Dispatcher({
    push,
    badges,
    outdated: (job, counts) => outdated(p.world, job, counts),
    run: (g) => p.router.run(g),
    providers: { apns },
    clock: p.clock,
    random: systemRandom,
  })
  dispatcher.start()
  try {
    const { romeo } = await cast(p)
    const got = () =>
      sim.received.map(({ payload }) => {
        const { alert, 'content-available': wakes } = payload.aps as {
          alert?: { body?: string }
          'content-available'?: number
        }
        return alert?.body ?? (wakes ? 'wakes' : 'number')
      })
    await f({ p, romeo, sim, answers: () => found.resolve(), got })
  } finally {
    found.resolve()
    await dispatcher.stop(0)
    await sim.close()
  }
}

/** All that waits has its verdict. */
async function isOver(p: Play): Promise<void> {
  while (p.store.push.counts().queued > 0) {
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    await settle(p)
  }
}

const settings = { unknownSenders: true, quiet: null }
const meanwhile: readonly [what: string, rule: string, f: (scene: Scene) => Promise<unknown>][] = [
  [
    'it was read on the desk',
    'read-elsewhere',
    async ({ p }) => {
      const desk = await p.online('juliet@bix.org/desk')
      await says(desk, `<message to='romeo@bix.org' type='chat' id='a1'><body>who is it?</body></message>`)
    },
  ],
  [
    'the phone itself was open, and shows at once what comes',
    'read-elsewhere',
    async ({ p }) => {
      const app = await p.online('juliet@bix.org/phone')
      await app.settles()
      app.sends('</stream:stream>')
    },
  ],
  [
    'its sender has taken it back',
    'retracted',
    ({ romeo }) =>
      says(
        romeo,
        `<message to='juliet@bix.org' type='chat' id='r1'><retract xmlns='urn:xmpp:message-retract:1' id='hist!'/><store xmlns='urn:xmpp:hints'/></message>`,
      ),
  ],
  [
    'the account was disabled',
    'account-disabled',
    ({ p }) =>
      p.router.run((t) => {
        const account = t.store.accounts.find('juliet@bix.org')
        if (account) t.store.accounts.setDisabled(account, true)
      }),
  ],
  [
    'the night has come',
    'quiet-hours',
    ({ p }) =>
      p.router.run((t) => {
        const id = t.store.accounts.find('juliet@bix.org')?.id ?? 0
        const quiet = { from: '00:00', to: '23:59', zone: 'UTC' }
        t.store.unread.setSettings(id, { ...settings, quiet })
      }),
  ],
  [
    'only contacts may ring',
    'unknown-sender',
    ({ p }) =>
      p.router.run((t) => {
        const id = t.store.accounts.find('juliet@bix.org')?.id ?? 0
        t.store.unread.setSettings(id, { ...settings, unknownSenders: false })
      }),
  ],
  [
    'its sender was blocked',
    'blocked',
    ({ p }) =>
      p.router.run((t) => {
        const account = t.store.accounts.find('juliet@bix.org')
        if (account) t.store.blocked.add(account, 'romeo@bix.org')
      }),
  ],
]

describe('a message whose push waits for the connection', () => {
  for (const [what, rule, f] of meanwhile)
    test(`${what}: it does not ring`, () =>
      scene(async (scene) => {
        const { p, romeo, answers, got } = scene
        await says(romeo, chat('hist!'))
        await settle(p)
        await f(scene)
        p.clock.advance(5_000)
        await settle(p)
        answers()
        await isOver(p)
        expect(got().filter((text) => text !== 'number')).toEqual([])
        expect(await explain(p)).toContain(`taken back before it was sent: ${ruleInWords(rule)}`)
      }))

  test('nothing has come about: it rings, with the number of now', () =>
    scene(async ({ p, romeo, sim, answers, got }) => {
      await says(romeo, chat('one'))
      p.clock.advance(5_000)
      await says(romeo, chat('two'))
      await settle(p)
      answers()
      await isOver(p)
      expect(got().sort()).toEqual(['one', 'two'])
      const aps = sim.received.map(({ payload }) => payload.aps)
      expect(aps).toMatchObject([{ badge: 2 }, { badge: 2 }])
    }))

  test('it was corrected: it rings in the new words', () =>
    scene(async ({ p, romeo, answers, got }) => {
      await says(romeo, chat('see you at nin', 'n1'))
      await says(
        romeo,
        `<message to='juliet@bix.org' type='chat' id='n2'><body>see you at nine</body><replace xmlns='urn:xmpp:message-correct:0' id='n1'/></message>`,
      )
      answers()
      await isOver(p)
      expect(got()).toEqual(['see you at nine'])
    }))

  test('its device is gone: nothing leaves', () =>
    scene(async ({ p, romeo, answers, got }) => {
      await says(romeo, chat('hist!'))
      const app = await p.bound('juliet@bix.org/phone')
      await app.asks('set', `<disable xmlns='urn:xmpp:push:0' jid='push.bix.org'/>`)
      answers()
      await isOver(p)
      expect(got()).toEqual([])
    }))
})

describe('a call whose push waits for the connection', () => {
  test('has rung out after push.ring_time: it does not ring, and leaves a word', () =>
    scene(async ({ p, romeo, answers, got }) => {
      await says(romeo, CALL)
      p.clock.advance(25_000)
      await settle(p)
      answers()
      await isOver(p)
      expect(got()).toEqual(['Missed call'])
    }))

  test('was taken back: it does not ring, and leaves a word', () =>
    scene(async ({ p, romeo, answers, got }) => {
      await says(romeo, CALL)
      p.clock.advance(5_000)
      await says(
        romeo,
        `<message to='juliet@bix.org' type='chat' id='c2'><retract xmlns='urn:xmpp:jingle-message:0' id='sid1'/><store xmlns='urn:xmpp:hints'/></message>`,
      )
      answers()
      await isOver(p)
      expect(got()).toEqual(['Missed call'])
      expect(await explain(p)).toContain(
        'taken back before it was sent: A call was answered elsewhere or withdrawn',
      )
    }))

  test('still rings: it does', () =>
    scene(async ({ p, romeo, answers, got }) => {
      await says(romeo, CALL)
      p.clock.advance(15_000)
      await settle(p)
      answers()
      await isOver(p)
      expect(got()).toEqual(['is calling you'])
    }))
})
