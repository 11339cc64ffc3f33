/** What the store does when the disk fails for real: system calls are made to fail in a process of its own. */
import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { mayMount, smallDisk } from '../support/small-disk.ts'
import { elsewhere, loop, open, tempDir, trip } from './support.ts'

const CHILD = join(import.meta.dir, 'child.ts')
const hasStrace = Bun.which('strace') !== null
const runs = (...command: string[]): boolean =>
  Bun.spawnSync(command, { stdout: 'ignore', stderr: 'ignore' }).exitCode === 0

/** Where a tool is missing the test is skipped aloud; in CI that is a failure. */
function needs(what: string, there: boolean): boolean {
  if (there) return true
  if (process.env.CI) throw new Error(`${what} is needed in CI`)
  console.log(`skipped: ${what} is needed`)
  return false
}

interface Run {
  readonly code: number
  readonly lines: string[]
  /** Names that were answered, and the rest that was said. */
  readonly answered: string[]
  /** The calls that were traced. */
  readonly calls: string[]
}

async function underStrace(part: string, file: string, trace: string, inject: string): Promise<Run> {
  const log = `${file}.strace`
  const strace = [
    'strace',
    '-f',
    '--seccomp-bpf',
    '-o',
    log,
    '-e',
    `trace=${trace}`,
    '-e',
    `inject=${inject}`,
  ]
  const child = Bun.spawn([...strace, process.execPath, CHILD, part, file], {
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, code] = await Promise.all([child.stdout.text(), child.exited])
  const lines = out.trim().split('\n')
  const answered = lines.filter((line) => line.startsWith('answered ')).map((line) => line.slice(9))
  return { code, lines, answered, calls: readFileSync(log, 'utf8').split('\n') }
}

/** The database before the fault: migrated and closed, without a WAL. By a process that has really let it go. */
function prepare(file: string): void {
  expect(runs(process.execPath, CHILD, 'prepare', file)).toBe(true)
}

function stored(file: string): string[] {
  expect(elsewhere<object>(file, 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }])
  return elsewhere<{ name: string }>(file, 'SELECT name FROM settings ORDER BY name').map(({ name }) => name)
}

const ALL = [0, 1, 2, 3, 4].flatMap((t) => [0, 1, 2].map((i) => `t${t}-${i}`))

describe('a failed fsync', () => {
  test.if(needs('strace', hasStrace))(
    'of a COMMIT answers nothing, stores nothing more and ends the process',
    async () => {
      const met = new Set<number>()
      // The first fsyncs are those of the new WAL's header and directory, inside COMMIT; the next ones are one turn
      // each. Calls are counted for each thread of the pool.
      for (let n = 1; n <= 7; n++) {
        using dir = tempDir()
        prepare(dir.file)
        const { code, lines, answered, calls } = await underStrace(
          'turns',
          dir.file,
          'fsync,fdatasync,pwrite64,write',
          `fsync,fdatasync:error=EIO:when=${n}`,
        )
        const names = stored(dir.file)
        // Whatever was answered is there, whatever is there is a whole turn, and nothing came after.
        expect(answered.filter((name) => !names.includes(name))).toEqual([])
        expect(names).toEqual(ALL.slice(0, names.length))
        expect(names.length % 3).toBe(0)
        expect(answered.length % 3).toBe(0)
        // SQLite does not mind a directory that cannot be synced.
        if (!lines.includes('fatal')) {
          expect([code, answered]).toEqual([0, ALL])
          continue
        }
        expect(code).toBe(1)
        expect(lines.at(-1)).toBe('fatals 1')
        expect(lines.filter((line) => line.startsWith('refused'))).toEqual([])
        const fatal = calls.findIndex((call) => call.includes('"fatal'))
        const wal = calls.findLast((call, i) => i < fatal && call.includes('pwrite64('))
        const fd = /pwrite64\((\d+),/.exec(wal ?? '')?.[1]
        expect(fd).toBeDefined()
        expect(calls.slice(fatal).filter((call) => call.includes(`pwrite64(${fd},`))).toEqual([])
        met.add(answered.length / 3)
      }
      expect(met).toContain(0)
      expect(Math.max(...met)).toBeGreaterThan(0)
    },
    60_000,
  )
})

describe('no space at COMMIT', () => {
  test.if(needs('strace', hasStrace))(
    'undoes the turn whichever write it hits; the next one is served',
    async () => {
      const outcomes = new Set<string>()
      // The first writes make room for the shared index of the WAL, as the database is opened.
      for (let n = 1; n <= 24; n++) {
        using dir = tempDir()
        prepare(dir.file)
        const inject = `pwrite64:error=ENOSPC:when=${n}`
        const { code, lines, answered } = await underStrace('turns', dir.file, 'pwrite64', inject)
        expect(stored(dir.file)).toEqual(answered)
        if (!lines.includes('begin')) {
          expect([code, answered]).toEqual([1, []])
          outcomes.add('no start')
          continue
        }
        const refused = lines.filter((line) => line.startsWith('refused ')).map((line) => line.slice(8))
        expect([code, lines.at(-1)]).toEqual([0, 'fatals 0'])
        expect([...answered, ...refused].sort()).toEqual(ALL)
        outcomes.add(`refused ${refused.join(' ')}`)
      }
      expect([...outcomes].slice(0, 3)).toEqual([
        'no start',
        'refused t0-0 t0-1 t0-2',
        'refused t1-0 t1-1 t1-2',
      ])
    },
    60_000,
  )

  test.if(mayMount())('on a small file system: refused, read, served again', async () => {
    using disk = smallDisk('2m')
    if (!disk) throw new Error('not mounted')
    using w = open(join(disk.path, 'belfry.db'))
    const { store } = w
    trip(store, () => store.settings.set('old', Buffer.alloc(1)))
    w.host.take()
    const free = disk.fillUp()
    const said: string[] = []
    store.turn.trip(
      () => {
        store.settings.set('new', Buffer.alloc(100_000))
        store.turn.after(() => said.push('stored'))
      },
      (error) => store.turn.after(() => said.push(error.condition)),
    )
    // The row fits into the page cache, so it is the COMMIT that meets the full disk.
    expect(store.db.raw.inTransaction).toBe(true)
    await loop()
    expect(said).toEqual(['resource-constraint'])
    expect(w.host.take()).toEqual(['flushed'])
    expect(store.turn.failure).toBeDefined()
    expect([store.settings.get('old')?.length, store.settings.get('new')]).toEqual([1, undefined])
    free()
    trip(store, () => store.settings.set('new', Buffer.alloc(100_000)))
    expect(store.turn.failure).toBeUndefined()
    expect(store.settings.get('new')?.length).toBe(100_000)
    expect(w.host.fatals).toEqual([])
  })
})

test.if(needs('strace', hasStrace))(
  'a slow disk makes turns larger and does not hold the loop',
  async () => {
    using dir = tempDir()
    prepare(dir.file)
    const { lines } = await underStrace(
      'pace',
      dir.file,
      'fsync,fdatasync',
      'fsync,fdatasync:delay_enter=10000',
    )
    const commits = lines.map((line) => line.split(' ').slice(1).map(Number))
    expect(commits.length).toBe(20)
    // The first one begins the log, which SQLite itself syncs.
    for (const [took, rounds] of commits.slice(1)) {
      expect(took).toBeGreaterThan(9)
      expect(rounds).toBeGreaterThan(10)
    }
  },
  30_000,
)

test('a process that is killed loses only what it did not answer', async () => {
  using dir = tempDir()
  prepare(dir.file)
  const child = Bun.spawn([process.execPath, CHILD, 'pace', dir.file], { stdout: 'pipe' })
  let commits = 0
  for await (const chunk of child.stdout) {
    commits += new TextDecoder().decode(chunk).split('\n').length - 1
    if (commits >= 5) child.kill('SIGKILL')
  }
  await child.exited
  expect(stored(dir.file).length).toBeGreaterThanOrEqual(commits)
  const db = new Database(dir.file)
  expect(db.query('PRAGMA foreign_key_check').all()).toEqual([])
  db.close()
})
