import { expect, test } from 'bun:test'
import { userView } from '../../src/http/accounts.ts'
import { ArchiveQuota } from '../../src/ops/archive-quota.ts'
import { takeOver } from '../../src/ops/live-keys.ts'
import { child, childText, children } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { cast, chat, PUSH, says } from '../support/phones.ts'
import { startHttp } from '../http/support.ts'
import { restarted } from '../support/sm.ts'
import { BASE, play, type Play } from '../support/world.ts'

const MAM = 'urn:xmpp:mam:2'
const KIB = 1024
const quota = (bytes: number) => `[archive]\nmax_bytes = ${bytes}\n`
/** About a tenth of 10 KiB, with what surrounds it. */
const body = (n: number, length = 900) => `${n} `.padEnd(length, 'x')

const quotaOf = (p: Play) =>
  new ArchiveQuota({
    archive: p.config.archive,
    clock: p.clock,
    run: (f) => p.router.run(f),
  })

const numbersOf = (texts: readonly (string | undefined)[]) => texts.map((text) => Number.parseInt(text ?? ''))

/** What each account's archive holds, told by the numbers in the bodies. */
const archived = (p: Play, bare: string): number[] =>
  numbersOf(
    p.store.db.raw
      .query<{ text: string }, [string]>(
        `SELECT substr(xml, instr(xml, '<body>') + 6, 9) AS text FROM archive
         JOIN accounts ON accounts.id = account_id WHERE jid = ? ORDER BY archive.id`,
      )
      .all(bare)
      .map(({ text }) => text),
  )
const bytesOf = (p: Play, bare: string): number =>
  p.store.db.raw
    .query<{ n: number | null }, [string]>(
      `SELECT sum(octet_length(xml)) AS n FROM archive JOIN accounts ON accounts.id = account_id WHERE jid = ?`,
    )
    .get(bare)?.n ?? 0

/** Trips until there is nothing to do; returns how many messages each of them deleted. */
async function enforce(p: Play, held = quotaOf(p)): Promise<number[]> {
  const rows = () =>
    p.store.db.raw.query<{ n: number }, []>('SELECT count(*) AS n FROM archive').get()?.n ?? 0
  const steps: number[] = []
  for (let more = true; more;) {
    const before = rows()
    more = await held.step()
    steps.push(before - rows())
  }
  return steps
}

const query = (inner = '') => `<query xmlns='${MAM}' queryid='q'>${inner}</query>`
const page = (inner: string) => query(`<set xmlns='http://jabber.org/protocol/rsm'>${inner}</set>`)

async function history(actor: Actor): Promise<{ ids: string[]; bodies: number[] }> {
  actor.forget()
  await actor.asks('set', query())
  const results = actor.heard.flatMap((el) => child(el, 'result', MAM) ?? [])
  actor.forget()
  const texts = results.map((el) => {
    const message = child(child(el, 'forwarded', 'urn:xmpp:forward:0') ?? el, 'message', 'jabber:client')
    return message && childText(message, 'body')
  })
  return { ids: results.map((el) => el.attrs.id ?? ''), bodies: numbersOf(texts) }
}

/** Romeo's messages from one number to another. */
async function writes(romeo: Actor, from: number, to: number, length?: number): Promise<void> {
  for (let i = from; i <= to; i++) romeo.sends(chat(body(i, length), `m${i}`))
  await romeo.settles()
}

test('beyond archive.max_bytes the oldest messages of an account go, to 95 % of it, and no one else’s', async () => {
  using p = play({ config: BASE.replace('bix.org', 'third.example", "bix.org') + quota(20 * KIB) })
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  const nurse = await p.online('nurse@other.example/home')
  await writes(romeo, 1, 10)
  nurse.sends(`<message to='nurse@other.example' type='chat'><body>${body(1)}</body></message>`)
  await nurse.settles()
  await enforce(p)
  expect(archived(p, 'romeo@bix.org')).toHaveLength(10)
  await writes(romeo, 11, 30)
  await enforce(p)
  for (const bare of ['romeo@bix.org', 'juliet@bix.org']) {
    const left = archived(p, bare)
    expect(left).toEqual(Array.from({ length: left.length }, (_, i) => 31 - left.length + i))
    expect(bytesOf(p, bare)).toBeLessThanOrEqual(0.95 * 20 * KIB)
    expect(bytesOf(p, bare)).toBeGreaterThan(0.95 * 20 * KIB - 1_200)
  }
  // What a note to oneself leaves behind: below the quota.
  expect(archived(p, 'nurse@other.example')).not.toEqual([])
})

test('XEP-0313 §4: pages, bounds and ids are those of what is left; a place that is gone is not found', async () => {
  using p = play({ toml: quota(10 * KIB) })
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  await writes(romeo, 1, 8)
  const before = await history(romeo)
  await writes(romeo, 9, 20)
  await enforce(p)
  const after = await history(romeo)
  expect(after.bodies.at(-1)).toBe(20)
  expect(after.bodies[0]).toBeGreaterThan(8)
  const [gone = ''] = before.ids
  for (const place of [`<after>${gone}</after>`, `<before>${gone}</before>`])
    await romeo.isRefused('item-not-found', 'set', page(`<max>5</max>${place}`))
  const metadata = child(await romeo.asks('get', `<metadata xmlns='${MAM}'/>`), 'metadata', MAM)
  expect(metadata && children(metadata, 'start')[0]?.attrs.id).toBe(after.ids[0] ?? '')
  const [first = ''] = after.ids
  const earlier = await romeo.asks('set', page(`<max>5</max><before>${first}</before>`))
  expect(child(earlier, 'fin', MAM)?.attrs.complete).toBe('true')
})

test('what waits offline is delivered and counts as unread, although the archive has dropped it', async () => {
  using p = play({ toml: `${PUSH}\n${quota(5 * KIB)}` })
  const { romeo } = await cast(p)
  for (let i = 1; i <= 12; i++) await says(romeo, chat(body(i), `m${i}`))
  await enforce(p)
  const left = archived(p, 'juliet@bix.org')
  expect(left.length).toBeLessThan(6)
  const juliet = p.store.accounts.find('juliet@bix.org')
  expect(juliet && p.store.unread.count(juliet.id)).toBe(12)
  const desk = await p.bound('juliet@bix.org/desk')
  desk.sends('<presence/>')
  await desk.settles()
  const texts = desk.heard.filter(({ name }) => name === 'message').map((el) => childText(el, 'body'))
  expect(numbersOf(texts)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1))
})

test('a trip deletes some hundreds of messages, and looks again for as long as there are more', async () => {
  using p = play({ toml: quota(10 * KIB) })
  await p.account('juliet@bix.org')
  const juliet = p.store.accounts.find('juliet@bix.org')
  if (!juliet) throw new Error('no account')
  await p.router.run((t) => {
    for (let i = 0; i < 1_700; i++)
      t.store.messages.archive(juliet, t.store.messages.nextId(), 'romeo@bix.org', body(i, 100))
  })
  const steps = await enforce(p)
  expect(Math.max(...steps)).toBeLessThanOrEqual(200)
  expect(bytesOf(p, juliet.jid)).toBe(9_700)
  expect(steps.length).toBeLessThan(20)
})

test('a message that is larger than the quota does not stay either', async () => {
  using p = play({ toml: quota(2 * KIB) })
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  await writes(romeo, 1, 1)
  await writes(romeo, 2, 2, 5_000)
  await enforce(p)
  expect([archived(p, 'romeo@bix.org'), archived(p, 'juliet@bix.org')]).toEqual([[], []])
  await writes(romeo, 3, 3)
  await enforce(p)
  expect(archived(p, 'juliet@bix.org')).toEqual([3])
})

test('a reload changes the quota, switches it off and on again', async () => {
  using p = play({ toml: quota(20 * KIB) })
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  const held = quotaOf(p)
  const reload = (max_bytes: number) =>
    takeOver(p.config, { ...p.config, archive: { ...p.config.archive, max_bytes } })
  await writes(romeo, 1, 15)
  await enforce(p, held)
  expect(archived(p, 'juliet@bix.org')).toHaveLength(15)
  reload(10 * KIB)
  await enforce(p, held)
  const left = archived(p, 'juliet@bix.org').length
  expect(left).toBeLessThan(11)
  reload(Number.POSITIVE_INFINITY)
  await writes(romeo, 16, 40)
  // Not counted, and gone by their age: the figures know of both when the quota is back.
  p.store.turn.end()
  await enforce(p, held)
  expect(archived(p, 'juliet@bix.org')).toHaveLength(left + 25)
  await p.router.run((t) => t.store.history.purge('bix.org', p.clock.now(), '', 4))
  reload(10 * KIB)
  await enforce(p, held)
  expect(archived(p, 'juliet@bix.org').at(-1)).toBe(40)
  expect(bytesOf(p, 'juliet@bix.org')).toBeLessThanOrEqual(0.95 * 10 * KIB)
  expect(bytesOf(p, 'juliet@bix.org')).toBeGreaterThan(0.95 * 10 * KIB - 1_200)
})

test('a restart goes on where the last run was, with another quota too', async () => {
  await restarted(
    async (p) => {
      const romeo = await p.online('romeo@bix.org/orchard')
      await p.account('juliet@bix.org')
      p.config.archive.max_bytes = 20 * KIB
      await writes(romeo, 1, 12)
      await enforce(p)
      await writes(romeo, 13, 15)
    },
    async (p) => {
      expect(archived(p, 'juliet@bix.org')).toHaveLength(15)
      await enforce(p)
      expect(bytesOf(p, 'juliet@bix.org')).toBeLessThanOrEqual(10 * KIB)
      expect(archived(p, 'juliet@bix.org').at(-1)).toBe(15)
    },
    quota(10 * KIB),
  )
})

test('it looks by itself, every few seconds', async () => {
  using p = play({ toml: quota(10 * KIB) })
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  await writes(romeo, 1, 30)
  const end = quotaOf(p).start()
  for (let i = 0; i < 10; i++) {
    p.clock.advance(5_000)
    await romeo.settles()
  }
  expect(bytesOf(p, 'juliet@bix.org')).toBeLessThanOrEqual(10 * KIB)
  const waiting = p.clock.pending
  end()
  expect(p.clock.pending).toBe(waiting - 1)
})

test('the API tells how many bytes an archive holds, where there is a quota', async () => {
  const http = await startHttp((config) => {
    config.archive.max_bytes = 10 * KIB
  })
  const { store, config } = http.deps.world
  const romeo = store.accounts.find('romeo@bix.org')
  if (!romeo) throw new Error('no account')
  await http.deps.router.run((t) => {
    t.store.messages.archive(romeo, t.store.messages.nextId(), 'juliet@bix.org', '<message>ä</message>')
    t.store.archiveSizes.count(10)
  })
  const shown = () => userView(http.deps, romeo).archive_bytes
  expect(shown()).toBe(21)
  config.archive.max_bytes = Number.POSITIVE_INFINITY
  expect(shown()).toBeNull()
})
