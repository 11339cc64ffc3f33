/**
 * Litestream, the real program, copies a database that is in use into a directory; Belfry starts on what it restores. Not among
 * the steps of CI: to build it takes minutes where nothing is cached.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { BenchClient, counter } from '../bench/client.ts'
import { COMMAND, listening, startServerUnderTest } from '../bench/server.ts'
import { freePort } from '../support/ports.ts'
import { must } from '../systemd/root.ts'

const VERSION = 'v0.5.18'
const MESSAGES = 300
const BIN = join(homedir(), `.cache/belfry/litestream-${VERSION}`)
const PROGRAM = join(BIN, 'litestream')

let home: string
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'belfry-litestream-'))
  if (existsSync(PROGRAM)) return
  mkdirSync(BIN, { recursive: true })
  const go = existsSync('/usr/local/go/bin/go') ? '/usr/local/go/bin/go' : 'go'
  const module = `github.com/benbjohnson/litestream/cmd/litestream@${VERSION}`
  const run = Bun.spawnSync([go, 'install', module], { env: { ...process.env, GOBIN: BIN }, stderr: 'pipe' })
  if (!run.success) throw new Error(`Litestream was not built: ${run.stderr.toString()}`)
}, 600_000)
afterAll(() => rmSync(home, { recursive: true, force: true }))

test('what was acknowledged is in the replica, and a server starts on it', async () => {
  await using ending = new AsyncDisposableStack()
  const server = await startServerUnderTest({ accounts: 2 })
  ending.defer(() => server.stop())
  const database = join(server.dir, 'data/belfry.db')
  const config = join(home, 'litestream.yml')
  const replica = join(home, 'replica')
  writeFileSync(
    config,
    `dbs:\n  - path: ${database}\n    replica:\n      type: file\n      path: ${replica}\n      sync-interval: 1s\n`,
  )
  const restored = join(home, 'data')
  const litestream = Bun.spawn([PROGRAM, 'replicate', '-config', config], {
    stdio: ['ignore', Bun.file(join(home, 'replicate.log')), Bun.file(join(home, 'replicate.err'))],
  })
  // It would go on with a directory that is no longer there.
  ending.defer(() => ended(litestream))
  const romeo = await BenchClient.login(server.c2s, 'u0')
  for (let i = 0; i < MESSAGES; i++) {
    romeo.send(`<message to='u1@localhost' type='chat'><body>line ${i};</body></message>`)
    // In several syncs, with a copy of our own meanwhile.
    if (i % 100 === 50)
      await romeo.ask(`<iq type='get' id='p${i}'><ping xmlns='urn:xmpp:ping'/></iq>`, `p${i}`)
    if (i === 150) must([...COMMAND, 'backup', 'create', '--config', server.config])
  }
  await romeo.ask("<iq type='get' id='last'><ping xmlns='urn:xmpp:ping'/></iq>", 'last')
  romeo.close()
  // At SIGINT it copies what is left.
  while (!existsSync(replica)) await Bun.sleep(20)
  litestream.kill('SIGINT')
  await litestream.exited
  must([PROGRAM, 'restore', '-config', config, '-o', join(restored, 'belfry.db'), database])
  const [backup = ''] = readdirSync(join(server.dir, 'data/backups'))
  expect(readdirSync(join(server.dir, 'data/backups', backup)).join()).not.toContain('litestream')
  await ending.disposeAsync()
  await comesUp(restored)
})

async function ended(child: Bun.Subprocess): Promise<void> {
  child.kill('SIGKILL')
  await child.exited
}

/** Everything waits there for whom it is, and the data is whole. */
async function comesUp(data: string): Promise<void> {
  const c2s = await freePort()
  const toml = join(home, 'belfry.toml')
  writeFileSync(
    toml,
    `hosts = ["localhost"]\ndata_dir = "${data}"\n[auth]\nplain = true\n[c2s]\nlisten = ["127.0.0.1:${c2s}"]\ndirect_tls_listen = []\n[http]\nlisten = []\n`,
  )
  const child = Bun.spawn([...COMMAND, 'serve', '--config', toml], {
    stdio: ['ignore', Bun.file(join(home, 'out.log')), Bun.file(join(home, 'err.log'))],
  })
  await using ending = new AsyncDisposableStack()
  ending.defer(() => ended(child))
  await listening(c2s, home)
  const juliet = await BenchClient.login(c2s, 'u1')
  let left = MESSAGES
  await new Promise<void>((resolve) => {
    juliet.onText = counter('<body>line ', (n) => ((left -= n) <= 0 ? resolve() : undefined))
    juliet.send('<presence/>')
  })
  expect(left).toBe(0)
  juliet.close()
  child.kill('SIGTERM')
  expect(await child.exited).toBe(0)
  must([...COMMAND, 'db', 'check', '--config', toml])
}
