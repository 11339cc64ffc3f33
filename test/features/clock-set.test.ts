/** A clock that is set ahead and back: ids go on rising, and every time that is told is the time of receipt. */
import { afterEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startLogging, stopLogging } from '../../src/log.ts'
import { hashOf } from '../../src/store/origins.ts'
import { child, childText, type Element, xml } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { FakeClock } from '../support/clock.ts'
import { chat } from '../support/sm.ts'
import { play } from '../support/world.ts'

const MAM = 'urn:xmpp:mam:2'
const DAY = 86_400_000
const START = Date.UTC(2026, 0, 1)

afterEach(stopLogging)

interface Found {
  readonly body: string | undefined
  readonly id: string
  readonly at: number
}

/** What the archive gives for these fields of its form. */
async function archive(actor: Actor, fields: Readonly<Record<string, string>> = {}): Promise<Found[]> {
  const form = Object.entries({ FORM_TYPE: MAM, ...fields }).map(([name, value]) =>
    xml('field', { var: name }, xml('value', {}, value)),
  )
  actor.forget()
  await actor.asks(
    'set',
    xml('query', { xmlns: MAM }, xml('x', { xmlns: 'jabber:x:data', type: 'submit' }, ...form)).toString(),
  )
  return actor.heard.flatMap((el) => {
    const result = child(el, 'result', MAM)
    const forwarded = result && child(result, 'forwarded', 'urn:xmpp:forward:0')
    const message = forwarded && child(forwarded, 'message', 'jabber:client')
    if (!forwarded || !message) return []
    return [{ body: childText(message, 'body'), id: result.attrs.id ?? '', at: stamp(forwarded) }]
  })
}

const stamp = (el: Element): number => Date.parse(child(el, 'delay', 'urn:xmpp:delay')?.attrs.stamp ?? '')
const iso = (ms: number) => new Date(ms).toISOString()
const rising = (found: readonly Found[]) =>
  found.every(({ id }, i) => i === 0 || BigInt(found[i - 1]?.id ?? 0) < BigInt(id))

for (const jump of [DAY, -DAY, 400 * DAY, -400 * DAY, 3 * 3_600_000, -3_600_000]) {
  for (const restarts of [false, true]) {
    const days = jump / DAY
    test(`${days.toFixed(2)} days and back${restarts ? ', over restarts' : ''}: times, order, start and end`, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'belfry-clock-'))
      const file = join(directory, 'belfry.db')
      const clock = new FakeClock(START)
      let p = play({ file, clock })
      await p.account('juliet@bix.org')
      let romeo = await p.online('romeo@bix.org/orchard')
      /** Body and wall clock of everything that was said. */
      const said: { body: string; at: number }[] = []
      const says = async (body: string) => {
        clock.advance(60_000)
        romeo.sends(chat(body))
        await romeo.settles()
        said.push({ body, at: clock.now() })
      }
      const set = async (ms: number) => {
        if (restarts) p.stop()
        if (restarts) p[Symbol.dispose]()
        clock.jump(ms)
        if (!restarts) return
        p = play({ file, clock })
        romeo = await p.online('romeo@bix.org/orchard')
      }
      try {
        for (const body of ['a', 'b']) await says(body)
        await set(jump)
        for (const body of ['c', 'd']) await says(body)
        await set(-jump)
        for (const body of ['e', 'f', 'g']) await says(body)

        const all = await archive(romeo)
        expect(all.map(({ body, at }) => ({ body, at }))).toEqual(said as typeof all)
        expect(rising(all)).toBe(true)
        for (const from of said) {
          const later = await archive(romeo, { start: iso(from.at) })
          expect(later.map(({ body }) => body)).toEqual(
            said.filter(({ at }) => at >= from.at).map(({ body }) => body),
          )
          const only = await archive(romeo, { start: iso(from.at), end: iso(from.at) })
          expect(only.map(({ body }) => body)).toEqual([from.body])
          const until = await archive(romeo, { end: iso(from.at - 1) })
          expect(until.map(({ body }) => body)).toEqual(
            said.filter(({ at }) => at < from.at).map(({ body }) => body),
          )
        }
        const pages = await archive(romeo, { 'after-id': all[2]?.id ?? '' })
        expect(pages.map(({ body }) => body)).toEqual(['d', 'e', 'f', 'g'])
        const juliet = await p.online('juliet@bix.org/balcony')
        expect((await archive(juliet)).map(({ at }) => at)).toEqual(said.map(({ at }) => at))
      } finally {
        p[Symbol.dispose]()
        rmSync(directory, { recursive: true })
      }
    })
  }
}

test('a clock that is set by more than 5 minutes is one line in the log, by less is none', async () => {
  const lines: string[] = []
  startLogging({ level: 'warn', format: 'text', journal: false, write: (line) => lines.push(line) })
  const clock = new FakeClock(START)
  using p = play({ clock })
  const romeo = await p.online('romeo@bix.org/orchard')
  for (const ms of [4 * 60_000, -4 * 60_000, 400 * DAY, 0, -400 * DAY, 0]) {
    clock.jump(ms)
    romeo.sends(chat('x', 'romeo@bix.org'))
    await romeo.settles()
  }
  expect(lines.map((line) => /event="the clock was set" seconds=(-?\d+)/.exec(line)?.[1])).toEqual([
    '34560000',
    '-34560000',
  ])
})

test('what is deleted by its age is what is old, before and after the clock was set', async () => {
  const clock = new FakeClock(START)
  using p = play({ clock, toml: '[limits]\nrates = false\norigin_id_keep = "1h"' })
  const { messages, origins } = p.store
  const remember = (text: string) => p.router.run(() => origins.remember(messages.nextId(), hashOf(text)))
  const purge = () => p.router.run((t) => origins.purge(t.now - 3_600_000, 1_000, 100))
  await remember('first')
  clock.jump(400 * DAY)
  await remember('ahead')
  clock.jump(-400 * DAY)
  await remember('back')
  clock.advance(3_599_000)
  expect(await purge()).toBe(0)
  clock.advance(2_000)
  await remember('new')
  expect(await purge()).toBe(3)
  expect(['first', 'new'].map((text) => origins.has(hashOf(text)))).toEqual([false, true])
})

test('a trip that fails takes back what it noted of the clock', async () => {
  const clock = new FakeClock(START)
  using p = play({ clock })
  const next = () => p.router.run((t) => t.store.messages.nextId())
  const before = await next()
  clock.jump(-DAY)
  await p.router
    .run((t) => {
      t.store.messages.nextId()
      throw new Error('a bug')
    })
    .catch(() => undefined)
  expect(p.store.receipts.timeOf(before + 10)).toBe(START)
  const after = await next()
  expect(after).toBeGreaterThan(before)
  expect([before, after].map((id) => p.store.receipts.timeOf(id))).toEqual([START, START - DAY])
})
