/** `belfry import`, `export xep0227` and `user export` as processes on the data of a stopped server. */
import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fixture, scratch } from './support.ts'

const MAIN = join(import.meta.dir, '../../src/main.ts')

async function belfry(cwd: string, ...args: string[]) {
  const run = Bun.spawn([process.execPath, MAIN, ...args], {
    ...{ cwd, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' },
    env: { ...process.env, BELFRY_CONFIG: '' },
  })
  const [out, err, code] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited])
  return { out, err, code }
}

const home = (files: ReturnType<typeof scratch>, name: string): string =>
  dirname(files.file(`${name}/belfry.toml`, 'hosts = ["bix.org"]\n[push]\nsimulator = true\n'))

/** Rows by their owner's address, without the ids that each server gives anew. */
function facts(cwd: string): unknown {
  using db = new Database(join(cwd, 'data/belfry.db'), { readonly: true })
  const all = (text: string) => db.query(text).all()
  const account = 'JOIN accounts a ON a.id = account_id'
  return {
    keys: all(
      `SELECT a.jid, hash, salt, iterations, stored_key, server_key FROM credentials ${account} ORDER BY 1, 2`,
    ),
    contacts: all(
      `SELECT a.jid, c.jid AS other, name, groups, subscription, ask, pending IS NULL AS asks, listed FROM contacts c ${account} ORDER BY 1, 2`,
    ),
    archive: all(`SELECT a.jid, x.id, peer, xml FROM archive x ${account} ORDER BY 2`),
    offline: all(`SELECT a.jid, x.id / 1000 AS at, xml FROM offline x ${account} ORDER BY 2`),
    private: all(`SELECT a.jid, name, xml FROM private_xml ${account} ORDER BY 1, 2`),
    blocked: all(`SELECT a.jid, b.jid AS other FROM blocked b ${account} ORDER BY 1, 2`),
    vcards: all(`SELECT a.jid, xml FROM vcards ${account} ORDER BY 1`),
    items: all(`SELECT a.jid, node, i.id, xml FROM pep_items i ${account} ORDER BY 1, 2, 3`),
    nodes: all(`SELECT a.jid, node, config FROM pep_nodes ${account} ORDER BY 1, 2`),
    prefs: all(`SELECT a.jid, mode, always, never FROM archive_prefs ${account} ORDER BY 1`),
  }
}

test('what was exported is imported to the same', async () => {
  using files = scratch()
  const [one, other] = [home(files, 'one'), home(files, 'other')]
  const rejects = join(one, 'rejects')
  const took = await belfry(
    one,
    ...['import', 'ejabberd', fixture('ejabberd/mnesia-dump.txt'), '--host', 'localhost=bix.org'],
    ...['--rejects', rejects, '-o', 'json'],
  )
  expect(took).toMatchObject({ code: 0, err: '' })
  expect(JSON.parse(took.out)).toMatchObject({ accounts: 20, archived_messages: 22, dry_run: false })
  expect(readFileSync(rejects, 'utf8')).toContain('"owner":"juliet@localhost"')
  const file = join(one, 'all.xml')
  expect(await belfry(one, 'export', 'xep0227', '--out', file)).toEqual({ code: 0, out: '', err: '' })
  const back = await belfry(other, 'import', 'xep0227', file, '-o', 'json')
  expect(back.code).toBe(0)
  expect(JSON.parse(back.out)).toMatchObject({ accounts: 20, archived_messages: 22, rejects: [] })
  expect(facts(other)).toEqual(facts(one))
  const romeo = await belfry(one, 'user', 'export', 'romeo@bix.org')
  expect(romeo.out).toContain('<user name="romeo">')
  expect(romeo.out).not.toContain('<user name="juliet">')
  expect((await belfry(one, 'user', 'export', 'nobody@bix.org')).code).toBe(4)
  expect((await belfry(one, 'audit', 'list', '--event', 'import finished')).out).toContain('accounts=20')
}, 120_000)

test('what cannot be a source is told in one sentence', async () => {
  using files = scratch()
  const cwd = home(files, 'one')
  const missing = await belfry(cwd, 'import', 'prosody', 'nowhere')
  expect(missing).toMatchObject({ code: 2, err: 'error: nowhere is not there\n' })
  const mapping = await belfry(cwd, 'import', 'prosody', '.', '--host', 'x')
  expect(mapping).toMatchObject({ code: 2 })
  expect(mapping.err).toContain('write OLD=NEW')
}, 60_000)
