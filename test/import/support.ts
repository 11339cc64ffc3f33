/** Imports into the real server in this process, and old clients that log in to what came. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'bun:test'
import { HostMap } from '../../src/import/hosts.ts'
import { Importer } from '../../src/import/importer.ts'
import type { Source } from '../../src/import/model.ts'
import type { Report } from '../../src/import/report.ts'
import type { HashName } from '../../src/store/credentials.ts'
import { FakeClock } from '../support/clock.ts'
import { type Play, play, type PlayOptions } from '../support/world.ts'
import { scram, verdict } from '../stream/scram-client.ts'

export const FIXTURES = join(import.meta.dir, '../fixtures/import')
export const fixture = (path: string): string => join(FIXTURES, path)

/** User and password of each account of the fixtures. */
export const PASSWORDS: readonly (readonly [user: string, password: string])[] = readFileSync(
  fixture('passwords.tsv'),
  'utf8',
)
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => {
    const [user = '', password = ''] = line.split('\t')
    return [user, password] as const
  })

/** A server on which the fixtures' day is over. */
export const later = (options: PlayOptions = {}): Play =>
  play({ clock: new FakeClock(Date.UTC(2027, 0, 1)), ...options })

export async function importInto(
  w: Play,
  source: Source,
  { map = { localhost: 'bix.org' }, dry = false }: { map?: Record<string, string>; dry?: boolean } = {},
): Promise<Report> {
  const hosts = new HostMap(new Map(Object.entries(map)), w.world.domains.hosts)
  const importer = new Importer(w.world, w.router, { hosts, isDry: dry })
  await importer.take(source)
  w.store.turn.end()
  return importer.report
}

/** An old client that knows SCRAM alone: TLS 1.2, no SASL2. */
export async function logsIn(
  w: Play,
  user: string,
  password: string,
  hash: HashName = 'SHA-1',
): Promise<void> {
  const actor = w.connect({ tls: 'TLSv1.2' })
  await actor.opens('bix.org')
  const { end } = await scram(actor, { mechanism: `SCRAM-${hash}`, name: user, password })
  expect([user, verdict(end)]).toEqual([user, 'success'])
}

/** All rows that an import may have written. */
export const rowsOf = (w: Play): unknown =>
  Object.fromEntries(
    ['accounts', 'credentials', 'contacts', 'archive', 'offline', 'vcards', 'private_xml', 'blocked']
      .concat(['pep_nodes', 'pep_items', 'rooms', 'room_affiliations', 'room_archive', 'imported'])
      .map((table) => [table, w.store.db.raw.query(`SELECT * FROM ${table} ORDER BY 1, 2`).all()]),
  )

/** A file of these contents; whoever asks removes the folder with `using`. */
export function scratch(): { file(name: string, contents: string | Uint8Array): string } & Disposable {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-import-'))
  return {
    file(name, contents) {
      const path = join(dir, name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, contents)
      return path
    },
    [Symbol.dispose]: () => rmSync(dir, { recursive: true }),
  }
}

export const reasons = (report: Report): string[] => report.rejects.map(({ why }) => why)
