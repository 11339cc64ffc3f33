/** What waits for an account of which several clients are there, each at another place in it. */
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Actor } from '../support/actor.ts'
import { bodies, chat, enables, restarted, resumes, SM } from '../support/sm.ts'
import { type Play, play } from '../support/world.ts'

/** Romeo, and so many messages that wait for Juliet. */
async function fill(p: Play, count: number): Promise<Actor> {
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  for (let i = 0; i < count; i++) romeo.sends(chat(String(i)))
  await romeo.settles()
  romeo.forget()
  return romeo
}

/** Answers to pings, which are heard and taken off. */
const fences = new Map<Actor, number>()

async function settles(actor: Actor): Promise<void> {
  fences.set(actor, (fences.get(actor) ?? 0) + 1)
  await actor.settles()
}

/** Their SM-IDs. */
const ids = new Map<Actor, string>()

/** A client with stream management that has its first page. */
async function appears(p: Play, resource: string): Promise<Actor> {
  const actor = await p.bound(`juliet@bix.org/${resource}`)
  ids.set(actor, (await enables(actor)).attrs.id ?? '')
  actor.sends('<presence/>')
  await settles(actor)
  return actor
}

/** The `h` of everything that it heard until now. */
function heardBy(actor: Actor): number {
  return actor.heard.filter(({ name }) => name !== 'r').length + (fences.get(actor) ?? 0)
}

async function acknowledges(actor: Actor): Promise<void> {
  actor.sends(`<a xmlns='${SM}' h='${heardBy(actor)}'/>`)
  await settles(actor)
}

/** More than a page waits; the desk has shown its first page and was given the rest, the phone shows nothing. */
async function apart(p: Play): Promise<{ romeo: Actor; phone: Actor; desk: Actor }> {
  const romeo = await fill(p, 120)
  const phone = await appears(p, 'phone')
  const desk = await appears(p, 'desk')
  await acknowledges(desk)
  return { romeo, phone, desk }
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => String(from + i))

test('a client that never takes its first page does not hold up what the others have taken', async () => {
  using p = play()
  const { romeo, phone, desk } = await apart(p)
  await acknowledges(desk)
  expect(bodies(desk)).toEqual(numbers(0, 120))
  expect(p.store.messages.totalOffline()).toBe(0)
  for (let i = 120; i < 125; i++) romeo.sends(chat(String(i)))
  await romeo.hearsNothing()
  await settles(desk)
  expect(bodies(desk)).toEqual(numbers(0, 125))
  expect(bodies(phone)).toEqual(numbers(0, 100))
  await acknowledges(phone)
  expect(bodies(phone)).toEqual([...numbers(0, 100), ...numbers(120, 125)])
  await acknowledges(desk)
  await acknowledges(phone)
  expect(p.store.messages.totalOffline()).toBe(0)
})

test('of two clients at different places in the box each gets a new message once and in its order', async () => {
  using p = play()
  const { romeo, phone, desk } = await apart(p)
  romeo.sends(chat('120'))
  await romeo.hearsNothing()
  await settles(desk)
  expect(bodies(desk)).toEqual(numbers(0, 121))
  expect(bodies(phone)).toEqual(numbers(0, 100))
  await acknowledges(phone)
  expect(bodies(phone)).toEqual(numbers(0, 121))
  await acknowledges(desk)
  await acknowledges(phone)
  expect(p.store.messages.totalOffline()).toBe(0)
})

test('what one has shown, and another waits for behind its pages, stays for that one', async () => {
  using p = play()
  const { romeo, phone, desk } = await apart(p)
  romeo.sends(chat('120'))
  await romeo.hearsNothing()
  await settles(desk)
  await acknowledges(desk)
  expect(p.store.messages.totalOffline()).toBe(0)
  await acknowledges(phone)
  expect(bodies(phone)).toEqual([...numbers(0, 100), '120'])
})

test('XEP-0198 §5: it stays over an orderly restart as well', async () => {
  let [phone, desk] = [
    { id: '', h: 0 },
    { id: '', h: 0 },
  ]
  const seen = (actor: Actor) => ({ id: ids.get(actor) ?? '', h: heardBy(actor) })
  await restarted(
    async (p) => {
      const { romeo, phone: one, desk: other } = await apart(p)
      romeo.sends(chat('120'))
      await romeo.settles()
      await settles(other)
      expect(bodies(other)).toEqual(numbers(0, 121))
      ;[phone, desk] = [seen(one), seen(other)]
    },
    async (p) => {
      const other = await resumes(p, 'juliet@bix.org', desk.id, String(desk.h))
      await other.settles()
      await other.settles()
      expect(bodies(other)).toEqual([])
      expect(p.store.messages.totalOffline()).toBe(0)
      const one = await resumes(p, 'juliet@bix.org', phone.id, String(phone.h))
      await one.settles()
      expect(bodies(one)).toEqual(['120'])
    },
  )
})

test.each([['before'], ['only then']])(
  'when one goes amid its pages, another that has shown %s what came meanwhile does not get it again',
  async (when) => {
    using p = play()
    const { romeo, phone, desk } = await apart(p)
    romeo.sends(chat('120'))
    await romeo.settles()
    await settles(desk)
    if (when === 'before') await acknowledges(desk)
    phone.sends('</stream:stream>')
    await settles(desk)
    await settles(desk)
    await acknowledges(desk)
    expect(bodies(desk)).toEqual(numbers(0, 121))
    expect(p.store.messages.totalOffline()).toBe(0)
  },
)

test('what waits behind the pages of a client that does not acknowledge survives a crash', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-behind-'))
  try {
    let file = join(dir, 'belfry.db')
    {
      using p = play({ file })
      const romeo = await fill(p, 120)
      const phone = await p.bound('juliet@bix.org/phone')
      phone.sends('<presence/>')
      romeo.sends(chat('120'))
      await romeo.hearsNothing()
      expect(bodies(phone)).not.toContain('120')
      file = p.crash()
    }
    using p = play({ file })
    const phone = await p.bound('juliet@bix.org/phone')
    phone.sends('<presence/>')
    for (let i = 0; i < 3; i++) await phone.settles()
    expect(bodies(phone)).toEqual(numbers(0, 121))
    expect(p.store.messages.totalOffline()).toBe(0)
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('no more than half of limits.sm_queue waits behind the pages: then it comes before them', async () => {
  using p = play({ toml: '[limits]\nrates = false\noffline_page = 3\nsm_queue = 20' })
  const romeo = await fill(p, 7)
  const phone = await appears(p, 'phone')
  for (let i = 7; i < 17; i++) romeo.sends(chat(String(i)))
  await romeo.hearsNothing()
  expect(bodies(phone)).toEqual(numbers(0, 3))
  romeo.sends(chat('17'))
  await romeo.hearsNothing()
  expect(bodies(phone)).toEqual([...numbers(0, 3), ...numbers(7, 18)])
  for (let i = 0; i < 3; i++) await acknowledges(phone)
  expect(bodies(phone)).toEqual([...numbers(0, 3), ...numbers(7, 18), ...numbers(3, 7)])
  expect(p.store.messages.totalOffline()).toBe(0)
})
