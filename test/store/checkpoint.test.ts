import { Database } from 'bun:sqlite'
import { afterEach, expect, test } from 'bun:test'
import { renameSync } from 'node:fs'
import { startLogging, stopLogging } from '../../src/log.ts'
import { Checkpointer, type CheckpointReport, copyBackInLoop } from '../../src/store/checkpoint.ts'
import type { Store } from '../../src/store/store.ts'
import { open, tempDir, trip } from './support.ts'

const KIB = 1024
/** Small enough for a test: restart at 1 MiB, alarm at 8 MiB. */
const LIMITS = {
  askFrames: 64,
  leisure: 5_000,
  restartFrames: 256,
  leftFrames: 1_000,
  alarmBytes: 8 * KIB * KIB,
}
const KEPT = 2 * KIB * KIB

afterEach(() => stopLogging())

function checkpointed(store: Store, clock: ConstructorParameters<typeof Checkpointer>[1], limits = LIMITS) {
  const alarms: number[] = []
  const checkpointer = new Checkpointer(store.db, clock, (bytes) => alarms.push(bytes), limits)
  let waiting: (() => void) | undefined
  let last: CheckpointReport | undefined
  checkpointer.reported = (report) => {
    last = report
    waiting?.()
  }
  return {
    alarms,
    checkpointer,
    last: () => last,
    next: () => new Promise<void>((resolve) => (waiting = resolve)),
    [Symbol.dispose]: () => checkpointer.stop(),
  }
}

/** Rows of 64 KiB, one turn each, as fast as the Worker answers: every fourth turn passes `askFrames`. */
async function load(store: Store, worker: ReturnType<typeof checkpointed>, turns: number) {
  let largest = 0
  for (let i = 0; i < turns; i++) {
    trip(store, () => store.settings.set(`n${i % 20}`, Buffer.alloc(64 * KIB, i)))
    largest = Math.max(largest, worker.checkpointer.walBytes())
    // Asked in these eight turns, it can answer only now that the loop is free.
    if (i % 8 === 7) await worker.next()
  }
  return largest
}

test('the WAL stays small under load, and other connections read meanwhile', async () => {
  using dir = tempDir()
  using w = open(dir.file)
  using worker = checkpointed(w.store, w.clock)
  await worker.next()
  const reader = new Database(dir.file, { readonly: true })
  const rows = reader.query<{ n: number }, []>('SELECT count(*) AS n FROM settings')
  // 16 MiB in all.
  const largest = await load(w.store, worker, 256)
  expect(largest).toBeLessThan(2 * KEPT)
  expect(worker.alarms).toEqual([])
  expect(rows.get()?.n).toBe(20)
  reader.close()
})

test('a reader that keeps its snapshot holds the WAL, which shrinks in use once it is gone; an alarm tells', async () => {
  using dir = tempDir()
  using w = open(dir.file)
  using worker = checkpointed(w.store, w.clock)
  trip(w.store, () => w.store.settings.set('n0', Buffer.alloc(1, 7)))
  const reader = new Database(dir.file, { readonly: true })
  reader.run('BEGIN')
  const length = reader.query<{ n: number }, []>("SELECT length(value) AS n FROM settings WHERE name = 'n0'")
  expect(length.get()?.n).toBe(1)
  expect(await load(w.store, worker, 160)).toBeGreaterThan(LIMITS.alarmBytes)
  expect(length.get()?.n).toBe(1)
  // Once a minute, however many turns there are.
  expect(worker.alarms.length).toBe(1)
  w.clock.advance(60_000)
  trip(w.store, () => w.store.settings.set('tick', Buffer.alloc(1)))
  expect(worker.alarms.length).toBe(2)
  reader.run('ROLLBACK')
  reader.close()
  const before = worker.checkpointer.walBytes()
  await load(w.store, worker, 160)
  expect(worker.checkpointer.walBytes()).toBeLessThan(before + KEPT)
  expect(worker.last()?.frames).toBeLessThan(1_024)
})

test('a small rest is copied at leisure: once nothing was written for a while, and not again without need', async () => {
  using dir = tempDir()
  using w = open(dir.file)
  using worker = checkpointed(w.store, w.clock)
  await worker.next()
  let reports = 0
  const { reported } = worker.checkpointer
  worker.checkpointer.reported = (report) => {
    reports++
    reported?.(report)
  }
  const write = (i: number) => trip(w.store, () => w.store.settings.set('n', Buffer.alloc(4 * KIB, i)))
  write(1)
  w.clock.advance(LIMITS.leisure - 1)
  write(2)
  w.clock.advance(LIMITS.leisure - 1)
  // One of these two would have come before the answer of a Worker that was asked too early.
  expect(reports).toBe(0)
  w.clock.advance(1)
  await worker.next()
  expect(reports).toBe(1)
  expect(worker.last()?.frames).toBeGreaterThan(0)
  expect(worker.last()?.copied).toBe(worker.last()?.frames)
  expect(w.clock.pending).toBe(0)
})

test('a turn that is open when the quiet time ends is no fault: its commit starts the clock anew', async () => {
  using dir = tempDir()
  using w = open(dir.file)
  using worker = checkpointed(w.store, w.clock)
  await worker.next()
  trip(w.store, () => w.store.settings.set('n', Buffer.alloc(4 * KIB, 1)))
  w.store.turn.trip(() => w.store.settings.set('n', Buffer.alloc(4 * KIB, 2)))
  w.clock.advance(LIMITS.leisure)
  w.store.turn.end()
  const next = worker.next()
  w.clock.advance(LIMITS.leisure)
  await next
  expect(worker.last()?.copied).toBe(worker.last()?.frames)
})

test('the Worker goes again while it leaves much to the loop, a few times: the WAL is restarted in any case', async () => {
  using dir = tempDir()
  using w = open(dir.file)
  using worker = checkpointed(w.store, w.clock, { ...LIMITS, leftFrames: 0 })
  await worker.next()
  expect(await load(w.store, worker, 256)).toBeLessThan(4 * KEPT)
  expect(worker.alarms).toEqual([])
})

test('a checkpoint that fails is logged, and the next is tried', async () => {
  using dir = tempDir()
  const lines: string[] = []
  startLogging({ level: 'error', format: 'text', write: (line) => lines.push(line) })
  using w = open(dir.file)
  renameSync(dir.file, `${dir.file}-away`)
  using worker = checkpointed(w.store, w.clock)
  await worker.next()
  expect(worker.last()?.error).toContain('unable to open database file')
  expect(lines.join()).toContain('a checkpoint failed')
  renameSync(`${dir.file}-away`, dir.file)
  // A copy that meets a transaction at the log's very beginning has to leave it; the next commits ask again.
  for (let round = 0; round < 5 && !((worker.last()?.copied ?? 0) > 0); round++) {
    for (let i = 0; i < 8; i++) trip(w.store, () => w.store.settings.set('n', Buffer.alloc(64 * KIB, i)))
    await worker.next()
    expect(worker.last()?.error).toBeUndefined()
  }
  expect(worker.last()?.copied).toBeGreaterThan(0)
})

test('a store in memory has no WAL and no Worker', () => {
  using w = open()
  using worker = checkpointed(w.store, w.clock)
  expect(worker.checkpointer.walBytes()).toBe(0)
  expect(w.store.turn.between).toBeUndefined()
})

test('the file is whole by itself after close', () => {
  using dir = tempDir()
  const w = open(dir.file)
  trip(w.store, () => w.store.settings.set('n', Buffer.alloc(10)))
  w.store.close()
  const copy = new Database(Bun.file(dir.file).size > 0 ? dir.file : '', { readonly: true })
  expect(copy.query('SELECT name FROM settings').all()).toEqual([{ name: 'n' }])
  copy.close()
})

test('of a command on stopped data: the loop copies the log back, so that it stays small', () => {
  using dir = tempDir()
  using opened = open(dir.file)
  const { store } = opened
  copyBackInLoop(store.db, KIB * KIB)
  let largest = 0
  for (let i = 0; i < 64; i++) {
    trip(store, () => store.settings.set('large', Buffer.alloc(64 * KIB, i)))
    largest = Math.max(largest, Bun.file(`${store.db.file}-wal`).size)
  }
  expect(largest).toBeLessThan(2 * KIB * KIB)
})
