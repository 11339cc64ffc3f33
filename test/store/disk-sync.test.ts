/** One turn on its way to the disk, and what comes meanwhile: a disk that answers when the test says so. */
import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { Turn } from '../../src/store/turn.ts'
import { TurnFailed } from '../../src/store/turn-failed.ts'
import { FakeClock } from '../support/clock.ts'
import { HeldDisk as Disk } from '../support/disk.ts'
import { loop, Recorder } from './support.ts'

function onDisk() {
  const db = new Database(':memory:')
  db.run('CREATE TABLE t (name TEXT)')
  const host = new Recorder()
  const disk = new Disk()
  const clock = new FakeClock()
  const turn = new Turn(db, host, clock, { sync: disk })
  const put = (name: string) =>
    turn.trip(() => {
      turn.writes()
      db.run('INSERT INTO t VALUES (?)', [name])
      turn.after(() => host.events.push(name))
    })
  const look = (name: string) => turn.trip(() => turn.after(() => host.events.push(name)))
  const rows = () => db.query<{ n: number }, []>('SELECT count(*) AS n FROM t').get()?.n
  return { db, host, disk, clock, turn, put, look, rows }
}

test('nothing is said before the disk has answered, and one turn at a time is on its way', async () => {
  const { db, host, disk, turn, put } = onDisk()
  put('a')
  await loop()
  expect([db.inTransaction, disk.started.length, turn.isOpen]).toEqual([false, 1, true])
  put('b')
  await loop()
  for (let i = 0; i < 300; i++) put(`n${i}`)
  await loop()
  // Full by count, and the loop has gone round; it waits for its turn all the same, open.
  expect([db.inTransaction, disk.started.length]).toEqual([true, 1])
  expect(host.take()).toEqual([])
  disk.done()
  expect(host.take()).toEqual(['committed 1', 'a', 'flushed'])
  expect([db.inTransaction, disk.started.length]).toEqual([false, 1])
  disk.done()
  expect(host.take()).toHaveLength(303)
  expect([turn.isOpen, turn.failure, disk.waits]).toEqual([false, undefined, 0])
})

test('who only reads meanwhile is answered behind what it may have seen', async () => {
  const { host, disk, put, look } = onDisk()
  put('a')
  await loop()
  look('reader')
  await loop()
  expect(host.take()).toEqual([])
  disk.done()
  expect(host.take()).toEqual(['committed 1', 'a', 'reader', 'flushed'])
})

test('how long the disk has been owing its word is known', async () => {
  const { disk, clock, turn, put } = onDisk()
  expect(turn.waitedMs).toBe(0)
  put('a')
  await loop()
  clock.advance(7_000)
  expect(turn.waitedMs).toBe(7_000)
  disk.done()
  expect(turn.waitedMs).toBe(0)
})

test('a turn that is not over when the disk answers goes on', async () => {
  const { db, host, disk, put } = onDisk()
  put('a')
  await loop()
  put('b')
  disk.done()
  expect([host.take(), db.inTransaction]).toEqual([['committed 1', 'a', 'flushed'], true])
  await loop()
  disk.done()
  expect(host.take()).toEqual(['committed 1', 'b', 'flushed'])
})

test('beyond 2,000 trips behind it the loop waits for the disk', async () => {
  const { host, disk, turn, put } = onDisk()
  put('a')
  await loop()
  for (let i = 0; i < 1_999; i++) put(`n${i}`)
  expect([disk.waits, host.take()]).toEqual([0, []])
  put('last')
  expect([disk.waits, disk.started.length]).toEqual([1, 2])
  expect(host.take()).toEqual(['committed 1', 'a', 'flushed'])
  // The answer to what the loop has waited for is no news.
  disk.done()
  expect(host.take()).toEqual([])
  disk.done()
  expect(host.take().slice(0, 2)).toEqual(['committed 2000', 'n0'])
  expect(turn.isOpen).toBe(false)
})

test('end() waits for the disk, and for the turn behind', async () => {
  const { host, disk, turn, put } = onDisk()
  put('a')
  await loop()
  put('b')
  turn.end()
  expect(host.take()).toEqual(['committed 1', 'a', 'flushed', 'committed 1', 'b', 'flushed'])
  expect([disk.waits, turn.isOpen]).toEqual([2, false])
  disk.done()
  disk.done()
  expect(host.take()).toEqual([])
})

test('a sync that fails answers nothing of both turns, and nothing is stored after it', async () => {
  const { host, disk, turn, put, look } = onDisk()
  const refused: string[] = []
  put('a')
  await loop()
  turn.trip(
    () => undefined,
    () => refused.push('b'),
  )
  put('b')
  await loop()
  disk.done(new Error('EIO'))
  expect(host.fatals.map(String)).toEqual(['Error: EIO'])
  expect([turn.dead, turn.isOpen, host.take(), refused]).toEqual([true, false, [], []])
  expect(() => put('c')).toThrow(TurnFailed)
  expect(() => look('d')).toThrow(TurnFailed)
  await loop()
  turn.end()
  expect([host.take(), disk.started.length]).toEqual([[], 0])
})

test('the same when the loop waits', async () => {
  const { host, disk, turn, put } = onDisk()
  put('a')
  await loop()
  put('b')
  disk.broken = new Error('EIO')
  turn.end()
  expect([turn.dead, host.fatals.length, host.take()]).toEqual([true, 1, []])
})

test('a trip that costs the transaction behind is refused behind what is on its way', async () => {
  const { db, host, disk, turn, put, rows } = onDisk()
  put('a')
  await loop()
  put('b')
  await loop()
  const fail = () =>
    turn.trip(
      () => {
        turn.writes()
        db.run('ROLLBACK')
      },
      () => turn.after(() => host.events.push('refused')),
    )
  expect(fail).toThrow(TurnFailed)
  expect([rows(), host.take()]).toEqual([1, []])
  disk.done()
  expect(host.take()).toEqual(['committed 1', 'a', 'flushed', 'refused', 'flushed'])
  expect(turn.isOpen).toBe(false)
})
