/** Backups that are encrypted by a passphrase: what they give back, and every way in which one may be another. */
import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createBackup } from '../../src/store/backup/create.ts'
import { type Manifest, manifestText } from '../../src/store/backup/manifest.ts'
import { Pace } from '../../src/store/backup/pace.ts'
import { unseal, workroom } from '../../src/store/backup/sealed.ts'
import { verifyBackup } from '../../src/store/backup/verify.ts'
import { sumOf } from '../../src/store/backup/files.ts'
import { checkFile } from '../../src/store/check.ts'
import { kept, NAME } from './backup-support.ts'
import { tempDir, trip } from './support.ts'

const PASSPHRASE = 'korrekt häst 電池'
/** Bytes of a piece of the payload with its tag, and of what stands before the first. */
const PIECE = (64 << 10) + 16
const SEALED = 'contents.tar.age'

/** An encrypted backup of some pieces, and what an opening of it says. */
function sealed(name = NAME) {
  const k = kept()
  trip(k.store, () => k.store.settings.set('x', Buffer.alloc(300_000, 1)))
  k.upload('ab12', 'hello')
  k.upload('ab13', '')
  createBackup(k.order({ passphrase: PASSPHRASE, name }), () => {})
  const made = join(k.directory, name)
  const file = join(made, SEALED)
  const start = readFileSync(file).indexOf('\n', readFileSync(file).indexOf('\n---') + 1) + 1 + 16
  const verify = (passphrase = PASSPHRASE) =>
    verifyBackup(made, () => {}, { opening: { passphrase, scratch: k.dataDir } })
  /** Changes the file, and its checksum in the manifest with it, as who can write there could. */
  const change = (to: (bytes: Buffer) => Uint8Array): void => {
    writeFileSync(file, to(readFileSync(file)))
    const { sha256: _, ...manifest } = JSON.parse(
      readFileSync(join(made, 'manifest.json'), 'utf8'),
    ) as Manifest & {
      sha256: string
    }
    const files = [{ path: SEALED, size: statSync(file).size, sha256: sumOf(file) }]
    writeFileSync(join(made, 'manifest.json'), manifestText({ ...manifest, files }))
  }
  return { ...k, made, file, start, verify, change, [Symbol.dispose]: () => k[Symbol.dispose]() }
}

test('gives back what went in: database, files, manifest; nothing of it can be read in the directory', () => {
  using k = sealed()
  expect(readdirSync(k.made).sort()).toEqual([SEALED, 'manifest.json'])
  expect(readFileSync(k.file).includes('hello')).toBe(false)
  expect(readFileSync(k.file).includes('SQLite format 3')).toBe(false)
  const { ok, opened, manifest } = k.verify()
  expect([ok, opened, manifest.uploads, manifest.encrypted]).toEqual([true, true, 'copy', undefined])
  expect(manifest.files.map(({ path }) => path)).toEqual(['belfry.db', 'uploads/ab/ab12', 'uploads/ab/ab13'])
  using target = tempDir()
  const into = dirname(target.file)
  const { problems } = unseal(
    k.made,
    { passphrase: PASSPHRASE, target: into, keep: () => true },
    new Pace(Infinity),
  )
  expect(problems).toEqual([])
  expect(readFileSync(join(into, 'uploads/ab/ab12'), 'utf8')).toBe('hello')
  expect(checkFile(join(into, 'belfry.db'), true).problems).toEqual([])
  expect(verifyBackup(into).ok).toBe(true)
  // What was plain meanwhile is gone.
  expect(readdirSync(k.dataDir).filter((name) => name.startsWith('backup-work'))).toEqual([])
})

test('is compared with its checksum where there is no passphrase, and that is said', () => {
  using k = sealed()
  expect(verifyBackup(k.made)).toMatchObject({
    ok: true,
    opened: false,
    manifest: { encrypted: true, uploads: 'copy' },
  })
})

test('a long path and a large name are kept', () => {
  using k = kept()
  const deep = join(k.dataDir, 'ü'.repeat(60), 'y'.repeat(90))
  mkdirSync(dirname(deep), { recursive: true })
  writeFileSync(deep, 'a key')
  createBackup(k.order({ passphrase: PASSPHRASE, config: [deep] }), () => {})
  using target = tempDir()
  const into = dirname(target.file)
  unseal(k.made, { passphrase: PASSPHRASE, target: into, keep: () => true }, new Pace(Infinity))
  expect(readFileSync(join(into, 'config', deep), 'utf8')).toBe('a key')
})

describe('one that is not as it was made is refused', () => {
  test('with another passphrase, in one sentence', () => {
    using k = sealed()
    for (const other of ['another passphrase', `${PASSPHRASE} `, PASSPHRASE.toUpperCase()])
      expect(() => k.verify(other)).toThrow(/the passphrase is not the one that it was encrypted by$/)
  })

  test('a bit that has changed, wherever it is', () => {
    using k = sealed()
    const whole = readFileSync(k.file)
    const places = [
      ...[0, 3, 22, 30, 40, 53, 60, 100, 110, k.start - 17, k.start - 16, k.start - 1],
      ...[k.start, k.start + PIECE - 1, k.start + PIECE, k.start + 2 * PIECE + 77, whole.byteLength - 1],
    ]
    for (const place of places) {
      k.change(() => {
        const changed = Buffer.from(whole)
        changed[place] = (changed[place] ?? 0) ^ 1
        return changed
      })
      expect(() => k.verify(), `byte ${place}`).toThrow(/cannot be opened: /)
    }
    k.change(() => whole)
    expect(k.verify().ok).toBe(true)
  })

  test('an end that was cut off, at the border of a piece and elsewhere; something behind the end', () => {
    using k = sealed()
    const whole = readFileSync(k.file)
    const { start } = k
    const lengths = [0, 10, start - 20, start - 16, start - 8, start, start + 5, start + 16, start + PIECE]
    for (const length of [...lengths, start + 3 * PIECE, start + 3 * PIECE + 16, whole.byteLength - 1]) {
      k.change(() => whole.subarray(0, length))
      expect(() => k.verify(), `cut to ${length}`).toThrow(/cut off/)
    }
    k.change(() => Buffer.concat([whole, Buffer.alloc(1)]))
    expect(() => k.verify()).toThrow(/changed/)
  })

  test('pieces that changed places, came twice, were left out, or are of another file', () => {
    using k = sealed()
    const whole = readFileSync(k.file)
    const { start } = k
    const piece = (n: number): Buffer => whole.subarray(start + n * PIECE, start + (n + 1) * PIECE)
    const head = whole.subarray(0, start)
    const rest = whole.subarray(start + 3 * PIECE)
    createBackup(k.order({ passphrase: PASSPHRASE, name: `${NAME}-1` }), () => {})
    const other = readFileSync(join(k.directory, `${NAME}-1`, SEALED)).subarray(
      start + PIECE,
      start + 2 * PIECE,
    )
    const orders = [
      [piece(1), piece(0), piece(2)],
      [piece(0), piece(2), piece(1)],
      [piece(0), piece(0), piece(1), piece(2)],
      [piece(0), piece(2)],
      [piece(0), other, piece(2)],
    ]
    for (const order of orders) {
      k.change(() => Buffer.concat([head, ...order, rest]))
      expect(() => k.verify()).toThrow(/cannot be opened: .*changed/)
    }
  })

  test('contents of another day under this manifest', () => {
    using k = sealed()
    createBackup(
      k.order({ passphrase: PASSPHRASE, name: `${NAME}-1`, created: '2026-11-29T15:00:00.000Z' }),
      () => {},
    )
    k.change(() => readFileSync(join(k.directory, `${NAME}-1`, SEALED)))
    expect(k.verify().problems).toEqual(['its contents are of 2026-11-29T15:00:00.000Z'])
  })

  test('a newer age, a file for a key, a work factor without end', () => {
    using k = sealed()
    const cases = [
      [/age-encryption.org\/v1/, 'age-encryption.org/v2', /newer version of age \(v2\)/],
      [
        /-> scrypt [^\n]*/,
        '-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc',
        /for a key, not by a passphrase/,
      ],
      [/ 17\n/, ' 30\n', /work factor 30/],
    ] as const
    const whole = readFileSync(k.file).toString('latin1')
    for (const [what, by, said] of cases) {
      k.change(() => Buffer.from(whole.replace(what, by), 'latin1'))
      expect(() => k.verify()).toThrow(said)
    }
  })

  test('its file alone, without a change of the manifest', () => {
    using k = sealed()
    writeFileSync(k.file, readFileSync(k.file).subarray(0, 5000))
    expect(k.verify()).toMatchObject({
      ok: false,
      opened: false,
      problems: [expect.stringContaining('has 5000 of')],
    })
  })
})

test('what a killed process has left in plain goes; what another process is at work with stays', () => {
  using dir = tempDir()
  const parent = dirname(dir.file)
  const ended = Bun.spawnSync(['true']).pid
  for (const pid of [ended, process.pid, process.ppid]) mkdirSync(join(parent, `backup-work.${pid}`))
  {
    using work = workroom(parent)
    expect(readdirSync(work.path)).toEqual([])
    expect(readdirSync(parent).sort()).toEqual(
      [`backup-work.${process.pid}`, `backup-work.${process.ppid}`].sort(),
    )
  }
  expect(existsSync(join(parent, `backup-work.${process.pid}`))).toBe(false)
})
