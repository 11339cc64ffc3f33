/** What was promised and fails with its trip or its turn is tried again: nothing is lost by that, and nothing comes twice. */
import { afterEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startLogging, stopLogging } from '../../src/log.ts'
import type { Feature } from '../../src/routing/feature.ts'
import { StanzaError } from '../../src/xmpp/errors.ts'
import { childText } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { cast, chat, deskInUse, kinds, PUSH, says, settle, silentPhone } from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'

afterEach(stopLogging)

/** Turns that may fail, which is told to whoever waits for them. */
async function passes(p: Play): Promise<void> {
  for (let i = 0; i < 3; i++) await p.router.run(() => {}).catch(() => {})
}

async function minute(p: Play): Promise<void> {
  p.clock.advance(60_000)
  await passes(p)
}

const bodies = (actor: Actor) =>
  actor.heard.filter(({ name }) => name === 'message').map((el) => childText(el, 'body'))

const stored = (p: Play) =>
  p.store.db.raw
    .query<{ in_flight: number }, []>('SELECT in_flight FROM offline ORDER BY id')
    .all()
    .map(({ in_flight }) => in_flight)

/** Throws in a hook of the road, as often as `errors` has entries. */
function breaks(hook: 'requeued' | 'closed', errors: Error[]): Feature {
  const fail = () => {
    const error = errors.shift()
    if (error) throw error
  }
  return {
    name: 'breaks',
    xeps: [],
    ...(hook === 'requeued' ? { delivery: { requeued: fail } } : { closed: fail }),
  }
}

const bugs = (n: number) => Array.from({ length: n }, () => new Error('a bug'))

/** Juliet's app, with a message that it has not shown to have; it cannot resume. */
async function unsure(p: Play, acknowledges: boolean, messages = ['hist!']): Promise<Actor> {
  const { romeo } = await cast(p)
  const app = await p.online('juliet@bix.org/phone')
  if (acknowledges) {
    app.sends(`<enable xmlns='urn:xmpp:sm:3'/>`)
    await app.receives(`<enabled xmlns='urn:xmpp:sm:3'/>`)
  }
  for (const body of messages) romeo.sends(chat(body))
  await romeo.settles()
  expect(p.pushed).toEqual([])
  return app
}

describe('what a dead session has not shown to have', () => {
  for (const acknowledges of [true, false])
    test(`goes back once the disk can (XEP-0198: ${acknowledges}); it rings once and comes once`, async () => {
      const lines: string[] = []
      startLogging({ level: 'error', format: 'text', journal: false, write: (line) => lines.push(line) })
      using p = play({ toml: PUSH })
      const app = await unsure(p, acknowledges)
      const mend = p.commitsFail()
      app.transport.destroy()
      await passes(p)
      // 1, 2, 4, 8 … s, then once a minute.
      for (let i = 0; i < 10; i++) await minute(p)
      expect(p.pushed).toEqual([])
      mend()
      p.clock.advance(60_000)
      await settle(p)
      expect(stored(p)).toEqual([0])
      expect(kinds(p)).toEqual(['body'])
      const back = await p.bound('juliet@bix.org/phone')
      back.sends('<presence/>')
      await back.settles()
      await settle(p)
      expect(bodies(back)).toEqual(['hist!'])
      await back.settles()
      p.clock.advance(3_600_000)
      await settle(p)
      expect(stored(p)).toEqual([])
      expect(kinds(p)).toEqual(['body'])
      expect(lines.filter((line) => line.includes('tried again'))).toHaveLength(1)
    })

  test('goes to a client that came between two tries', async () => {
    const errors = bugs(1)
    using p = play({ toml: PUSH, extra: [breaks('requeued', errors)] })
    const app = await unsure(p, true)
    app.transport.destroy()
    await settle(p)
    expect(errors).toEqual([])
    const desk = await p.online('juliet@bix.org/desk')
    expect(stored(p)).toEqual([1])
    p.clock.advance(1_000)
    await settle(p)
    await desk.settles()
    await desk.settles()
    expect(bodies(desk)).toEqual(['hist!'])
    expect(stored(p)).toEqual([])
  })

  test('goes back where the goodbye to contacts fails for good', async () => {
    using p = play({ toml: PUSH, extra: [breaks('closed', bugs(10))] })
    const app = await unsure(p, false)
    app.transport.destroy()
    await settle(p)
    expect(stored(p)).toEqual([0])
    expect(kinds(p)).toEqual(['body'])
  })

  test('goes back in pieces, each of which is tried again by itself', async () => {
    const names = Array.from({ length: 450 }, (_, i) => `m${i}`)
    const landed: number[] = []
    const errors = [undefined, new Error('a bug')]
    const breaksSecond: Feature = {
      name: 'breaks',
      xeps: [],
      delivery: {
        requeued(t, _, messages) {
          const error = errors.shift()
          if (error) throw error
          t.after(() => landed.push(messages.length))
        },
      },
    }
    using p = play({ toml: PUSH.replace('burst = 3', 'burst = 0'), extra: [breaksSecond] })
    const app = await unsure(p, false, names)
    app.transport.destroy()
    await settle(p)
    await settle(p)
    expect(landed).toEqual([200])
    p.clock.advance(1_000)
    for (let i = 0; i < 5; i++) await settle(p)
    expect(landed).toEqual([200, 200, 50])
    expect(stored(p)).toEqual(names.map(() => 0))
    expect(new Set(p.pushed.map(({ messageId }) => messageId)).size).toBe(450)
    expect(p.pushed).toHaveLength(450)
  })

  test('is given up after some tries where the disk is not to blame, and found by the next start', async () => {
    const errors = bugs(6)
    await overRestart({ toml: PUSH, extra: [breaks('requeued', errors)] }, async (p) => {
      const app = await unsure(p, true)
      app.transport.destroy()
      await settle(p)
      for (let i = 0; i < 10; i++) await minute(p)
      // One is left: there were five tries.
      expect(errors).toHaveLength(1)
      expect(stored(p)).toEqual([1])
    })
  })

  test('is tried for a day where the disk is to blame', async () => {
    const errors = Array.from({ length: 3_000 }, () => new StanzaError('resource-constraint'))
    using p = play({ toml: PUSH, extra: [breaks('requeued', errors)] })
    const app = await unsure(p, true)
    app.transport.destroy()
    await settle(p)
    for (let i = 0; i < 1_440; i++) await minute(p)
    const tries = 3_000 - errors.length
    expect(tries).toBeWithin(1_430, 1_442)
    for (let i = 0; i < 10; i++) await minute(p)
    expect(3_000 - errors.length).toBe(tries)
  })

  for (const acknowledges of [true, false])
    test(`waits for the next start where the server stops meanwhile (XEP-0198: ${acknowledges})`, async () => {
      const full = () => new StanzaError('resource-constraint')
      await overRestart(
        { toml: PUSH, extra: [breaks('requeued', Array.from({ length: 20 }, full))] },
        async (p) => {
          const app = await unsure(p, acknowledges)
          app.transport.destroy()
          await settle(p)
          expect(stored(p)).toEqual(acknowledges ? [1] : [])
        },
      )
    })

  /** The message that was left behind in the first run is there in the second, and rings. */
  async function overRestart(options: { toml: string; extra: Feature[] }, first: (p: Play) => Promise<void>) {
    const dir = mkdtempSync(join(tmpdir(), 'belfry-landing-'))
    const file = join(dir, 'belfry.db')
    try {
      {
        using p = play({ ...options, file })
        await first(p)
        expect(p.pushed).toEqual([])
        p.stop()
      }
      using p = play({ toml: PUSH, file })
      await settle(p)
      expect(kinds(p)).toEqual(['body'])
      const back = await p.bound('juliet@bix.org/phone')
      back.sends('<presence/>')
      await back.settles()
      expect(bodies(back)).toEqual(['hist!'])
    } finally {
      rmSync(dir, { recursive: true })
    }
  }

  test('is tried again as well where it is the start that fails', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'belfry-landing-'))
    const file = join(dir, 'belfry.db')
    let crashed = ''
    try {
      {
        using p = play({ toml: PUSH, file })
        await unsure(p, true)
        crashed = p.crash()
      }
      using p = play({ toml: PUSH, file: crashed, extra: [breaks('requeued', bugs(2))] })
      await settle(p)
      expect(p.pushed).toEqual([])
      await minute(p)
      await minute(p)
      await settle(p)
      expect(kinds(p)).toEqual(['body'])
      expect(stored(p)).toEqual([0])
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})

/** What is due in `ms` comes in a turn that fails; a second later the disk can. */
async function comesInVain(p: Play, ms: number): Promise<void> {
  const mend = p.commitsFail()
  p.clock.advance(ms)
  await passes(p)
  mend()
  expect(p.pushed).toEqual([])
  p.clock.advance(1_000)
  await settle(p)
}

describe('a doubt that could not be written down', () => {
  test('rings once the disk can', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await silentPhone(p)
    await says(romeo, chat('hist!'))
    await comesInVain(p, 10_000)
    expect(kinds(p)).toEqual(['body'])
  })

  test('does not ring for what has arrived meanwhile, and keeps no row of it', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await cast(p)
    const app = await p.online('juliet@bix.org/phone')
    await says(romeo, chat('hist!'))
    const mend = p.commitsFail()
    p.clock.advance(10_000)
    await passes(p)
    mend()
    await app.settles()
    p.clock.advance(60_000)
    await settle(p)
    expect(p.pushed).toEqual([])
    expect(stored(p)).toEqual([])
  })
})

test('what more there is to ring than one trip may write rings later where its trip fails', async () => {
  using p = play({ toml: PUSH.replace('burst = 3', 'burst = 0') })
  const { romeo } = await silentPhone(p)
  const names = Array.from({ length: 100 }, (_, i) => `m${i}`)
  for (const name of names) await says(romeo, chat(name))
  const { raw } = p.store.db
  raw.run(
    `CREATE TEMP TRIGGER fail BEFORE INSERT ON outbox WHEN (SELECT count(*) FROM outbox) = 60
     BEGIN SELECT RAISE(ABORT, 'a bug'); END`,
  )
  p.clock.advance(10_000)
  for (let i = 0; i < 3; i++) await settle(p)
  const before = p.pushed.length
  expect(before).toBeWithin(1, 60)
  raw.run('DROP TRIGGER fail')
  p.clock.advance(1_000)
  for (let i = 0; i < 3; i++) await settle(p)
  expect(p.pushed).toHaveLength(100)
  expect(new Set(p.pushed.map(({ messageId }) => messageId)).size).toBe(100)
})

test('a push that was held goes later where its moment comes in a turn that fails', async () => {
  using p = play({ toml: PUSH })
  const { romeo, desk } = await deskInUse(p)
  await says(romeo, chat('hist!', 'm'), desk)
  await comesInVain(p, 30_000)
  expect(kinds(p)).toEqual(['body'])
})
