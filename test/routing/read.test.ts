/** Much is read at once: its rows go in several trips, and nobody sees that they are not gone yet. */
import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { holdPush } from '../../src/push/schedule/schedule.ts'
import { read, readAll } from '../../src/push/schedule/read-state.ts'
import { explain } from '../support/phone.ts'
import { cast, chat, count, kinds, PUSH, says, settle as passes } from '../support/phones.ts'
import { changesOfTrips } from '../support/trips.ts'
import { type Play, play } from '../support/world.ts'

/** As many turns as it takes. */
async function settle(p: Play): Promise<void> {
  for (let i = 0; i < 4; i++) await passes(p)
}

const ROMEO = 'romeo@bix.org'

function julietOf({ store }: Play) {
  const account = store.accounts.find('juliet@bix.org')
  if (!account) throw new Error('no juliet')
  return account
}

/** Unread messages of several chats; `queued`: each has a push that waits, as while Apple cannot be reached. */
async function unread(
  p: Play,
  n: number,
  peers = [ROMEO, 'nurse@bix.org', 'tybalt@bix.org'],
  queued = false,
) {
  const account = julietOf(p)
  const [device] = p.store.push.devices.of(account.id)
  const ids: number[] = []
  for (let first = 0; first < n; first += 200)
    await p.router.run((t) => {
      for (let i = first; i < Math.min(n, first + 200); i++) {
        const id = t.store.messages.nextId()
        const sender = peers[i % peers.length] ?? ROMEO
        ids.push(id)
        t.store.unread.add(account.id, { id, peer: sender, ref: `m${i}` }, 10_000)
        const what = { messageId: String(id), collapseId: String(id), kind: 'body', sender }
        if (queued)
          t.store.push.queue({ account, device, ...what, badge: 1, now: t.now, expiresAt: t.now + 3_600_000 })
      }
    })
  return ids
}

const rows = (p: Play, table: string, where = 'true') =>
  p.store.db.raw.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table} WHERE ${where}`).get()?.n ?? 0

const notes = (p: Play) => rows(p, 'settings', `name GLOB 'unread-read-*' OR name GLOB 'withdrawal-*'`)

/** Nothing more is deleted from the table until the result is called. */
function stuck({ store }: Play, table: string): () => void {
  const rows = table === 'outbox' ? `WHEN old.state = 'queued'` : ''
  store.db.raw.run(
    `CREATE TEMP TRIGGER stuck BEFORE DELETE ON ${table} ${rows} BEGIN SELECT RAISE(ABORT, 'not yet'); END`,
  )
  return () => store.db.raw.run('DROP TRIGGER stuck')
}

/** Behind the first trip of `f`. */
async function begins(p: Play, table: string, f: () => Promise<void> | void): Promise<() => Promise<void>> {
  let free = () => {}
  p.store.turn.after(() => (free = stuck(p, table)))
  await f()
  await settle(p)
  return async () => {
    free()
    p.clock.advance(1_000)
    await settle(p)
  }
}

async function crashed(first: (p: Play) => Promise<void>, then: (p: Play) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-read-'))
  let file = join(dir, 'belfry.db')
  try {
    {
      using p = play({ toml: PUSH, file })
      await cast(p)
      await first(p)
      file = p.crash()
    }
    using p = play({ toml: PUSH, file })
    await then(p)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

describe('more unread messages than one trip deletes', () => {
  const READS: [what: string, peers: string[] | undefined, f: (p: Play) => Promise<void>][] = [
    ['of all chats', undefined, (p) => p.router.run((t) => readAll(t, julietOf(p)))],
    [
      'of one chat',
      [ROMEO],
      (p) => p.router.run((t) => read(t, julietOf(p), ROMEO, Number.MAX_SAFE_INTEGER)),
    ],
  ]
  for (const [what, peers, reads] of READS) {
    test(`${what}: none counts at once, and each trip deletes no more than it may`, async () => {
      using p = play({ toml: PUSH })
      await cast(p)
      const ids = await unread(p, 2_500, peers)
      const trips = changesOfTrips(p, 'unread')
      const goesOn = await begins(p, 'unread', () => reads(p))
      expect([count(p), rows(p, 'unread'), notes(p)]).toEqual([0, 2_000, 1])
      expect(p.reloaded().unread.count(julietOf(p).id)).toBe(0)
      expect(ids.filter((id) => p.store.unread.has(id))).toEqual([])
      await p.router.run((t) => {
        const { id } = julietOf(p)
        const names = [...Array(2_500).keys()].map((i) =>
          t.store.unread.idOf(id, peers?.[0] ?? ROMEO, `m${i}`),
        )
        expect(names.filter((name) => name !== undefined)).toEqual([])
        expect(ids.filter((name, i) => i % 50 === 0 && t.store.unread.forget(id, name))).toEqual([])
      })
      await goesOn()
      expect([count(p), rows(p, 'unread'), rows(p, 'unread_index'), notes(p)]).toEqual([0, 0, 0, 0])
      expect(Math.max(...trips)).toBe(500)
    })

    test(`${what}: what comes meanwhile counts and stays, whatever its id`, async () => {
      using p = play({ toml: PUSH })
      const { romeo } = await cast(p)
      const early = await p.router.run(({ store }) => store.messages.nextId())
      await unread(p, 2_500, peers)
      const goesOn = await begins(p, 'unread', () => reads(p))
      await says(romeo, chat('new'))
      expect(count(p)).toBe(1)
      expect(p.pushed.map(({ badge }) => badge)).toEqual([1])
      await goesOn()
      expect([count(p), rows(p, 'unread')]).toEqual([1, 1])
      await unread(p, 2_500, peers)
      await p.router.run((t) => {
        const { id } = julietOf(p)
        t.store.unread.read(id, peers?.[0] ?? null, Number.MAX_SAFE_INTEGER)
        // It was not known to be unread until now.
        t.store.unread.add(id, { id: early, peer: ROMEO, ref: 'early' }, 10_000)
        expect(t.store.unread.count(id)).toBe(1)
        expect(t.store.unread.has(early)).toBe(true)
      })
      await settle(p)
      expect([count(p), rows(p, 'unread'), notes(p)]).toEqual([1, 1, 0])
    })

    test(`${what}: a COMMIT that fails takes it back, and it can be done again`, async () => {
      using p = play({ toml: PUSH })
      await cast(p)
      const [first = 0] = await unread(p, 2_500, peers)
      const mend = p.commitsFail()
      const failed = await reads(p).then(
        () => false,
        () => true,
      )
      mend()
      expect(failed).toBe(true)
      expect([count(p), p.store.unread.has(first), p.store.unread.unfinished()]).toEqual([2_500, true, []])
      await reads(p)
      await settle(p)
      expect([count(p), rows(p, 'unread'), notes(p)]).toEqual([0, 0, 0])
    })

    test(`${what}: a start after a crash goes on`, async () => {
      await crashed(
        async (p) => {
          await unread(p, 2_500, peers)
          await begins(p, 'unread', () => reads(p))
        },
        async (p) => {
          expect(count(p)).toBe(0)
          await settle(p)
          expect([count(p), rows(p, 'unread'), rows(p, 'unread_index'), notes(p)]).toEqual([0, 0, 0, 0])
        },
      )
    })
  }

  test('above limits.unread_per_user the oldest give way of those that count', async () => {
    using p = play({ toml: PUSH })
    await cast(p)
    await unread(p, 2_500, [ROMEO])
    const ids = await unread(p, 200, ['nurse@bix.org'])
    const { id } = julietOf(p)
    await p.router.run((t) => {
      t.store.unread.read(id, ROMEO, Number.MAX_SAFE_INTEGER)
      expect(t.store.unread.count(id)).toBe(200)
      t.store.unread.add(id, { id: t.store.messages.nextId(), peer: 'new@bix.org', ref: undefined }, 150)
      expect(t.store.unread.count(id)).toBe(149)
    })
    await settle(p)
    expect([count(p), rows(p, 'unread'), p.reloaded().unread.count(id)]).toEqual([149, 149, 149])
    expect(ids.map((name) => p.store.unread.has(name)).indexOf(true)).toBe(52)
  })
})

describe('more pushes of a chat than one trip takes back', () => {
  const reads = (p: Play) => p.router.run((t) => read(t, julietOf(p), ROMEO, Number.MAX_SAFE_INTEGER))
  const withdrawn = (p: Play) => rows(p, 'verdicts', `verdict = 'withdrawn' AND rule = 'read-elsewhere'`)

  test('they go in several trips, the oldest first; other chats and what comes meanwhile ring', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await cast(p)
    const ids = await unread(p, 1_200, [ROMEO, 'nurse@bix.org'], true)
    const trips = changesOfTrips(p, 'outbox')
    const goesOn = await begins(p, 'outbox', () => reads(p))
    expect([withdrawn(p), notes(p)]).toEqual([128, 1])
    const left = p.store.db.raw
      .query<{ id: number }, [string]>(
        'SELECT CAST(message_id AS INTEGER) AS id FROM outbox WHERE sender = ?',
      )
      .all(ROMEO)
      .map(({ id }) => id)
    expect(left).toEqual(ids.filter((_, i) => i % 2 === 0).slice(128))
    const before = p.pushed.length
    await says(romeo, chat('new'))
    expect(kinds(p).slice(before)).toEqual(['body'])
    await goesOn()
    expect([withdrawn(p), notes(p)]).toEqual([600, 0])
    expect(rows(p, 'outbox', `sender = '${ROMEO}' AND state = 'queued'`)).toBe(1)
    expect(rows(p, 'outbox', `sender = 'nurse@bix.org'`)).toBe(600)
    expect(Math.max(...trips)).toBe(128)
  })

  test('they are found behind many of other chats', async () => {
    using p = play({ toml: PUSH })
    await cast(p)
    await unread(p, 600, ['nurse@bix.org'], true)
    await unread(p, 3, [ROMEO], true)
    await reads(p)
    await settle(p)
    expect([withdrawn(p), notes(p), rows(p, 'outbox', `kind = 'body'`)]).toEqual([3, 0, 600])
  })

  test('what is held and whose moment comes meanwhile does not ring', async () => {
    using p = play({ toml: PUSH })
    await cast(p)
    await unread(p, 300, [ROMEO], true)
    const account = julietOf(p)
    const [device] = p.store.push.devices.of(account.id)
    if (!device) throw new Error('no device')
    const holds = () =>
      p.router.run((t) => {
        const what = { messageId: String(t.store.messages.nextId()), kind: 'body', sender: ROMEO }
        const push = {
          account,
          device,
          ...what,
          collapseId: 'chat',
          now: t.now,
          expiresAt: t.now + 3_600_000,
        }
        holdPush(t, push, 'burst', t.now + 500)
      })
    await holds()
    const before = p.pushed.length
    const goesOn = await begins(p, 'outbox', () => reads(p))
    await holds()
    expect(p.store.held.ofChat(account.id, ROMEO)).toHaveLength(2)
    p.clock.advance(500)
    await settle(p)
    expect(p.store.held.ofChat(account.id, ROMEO)).toEqual([])
    await goesOn()
    // What came behind that does.
    expect(p.pushed.slice(before).filter(({ kind }) => kind === 'body')).toHaveLength(1)
    expect(withdrawn(p)).toBe(301)
  })

  test('a COMMIT that fails takes it back, and it can be done again', async () => {
    using p = play({ toml: PUSH })
    await cast(p)
    await unread(p, 300, [ROMEO], true)
    const mend = p.commitsFail()
    expect(
      await reads(p).then(
        () => 'done',
        () => 'failed',
      ),
    ).toBe('failed')
    mend()
    expect([withdrawn(p), rows(p, 'outbox'), p.store.held.putOffs()]).toEqual([0, 300, []])
    await reads(p)
    await settle(p)
    expect([withdrawn(p), p.store.held.putOffs(), notes(p)]).toEqual([300, [], 0])
    expect(rows(p, 'outbox', `kind = 'body'`)).toBe(0)
  })

  test('a start after a crash goes on', async () => {
    await crashed(
      async (p) => {
        await unread(p, 300, [ROMEO], true)
        await begins(p, 'outbox', () => reads(p))
      },
      async (p) => {
        expect(rows(p, 'outbox', `kind = 'body'`)).toBe(172)
        await settle(p)
        expect([rows(p, 'outbox', `kind = 'body'`), withdrawn(p), notes(p)]).toEqual([0, 300, 0])
        expect(await explain(p)).toContain('taken back before it was sent: it was read on another device')
      },
    )
  })

  test('and spares what comes behind the crash', async () => {
    await crashed(
      async (p) => {
        await unread(p, 300, [ROMEO], true)
        await begins(p, 'outbox', () => reads(p))
      },
      async (p) => {
        await unread(p, 1, [ROMEO], true)
        await settle(p)
        expect([rows(p, 'outbox', `kind = 'body'`), withdrawn(p), notes(p)]).toEqual([1, 300, 0])
      },
    )
  })
})
