/** The checkpoint Worker inside the executable: found from any directory, without the tree that it was built from. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './support.ts'

const CONFIG = [
  'hosts = ["bix.org"]',
  '[c2s]',
  'listen = ["127.0.0.1:0"]',
  'direct_tls_listen = ["127.0.0.1:0"]',
  '[http]',
  'listen = ["127.0.0.1:0"]',
  '[log]',
  'level = "debug"',
].join('\n')

let built: ReturnType<typeof build>
beforeAll(() => void (built = build()))
afterAll(() => built.remove())

test('the Worker starts and copies the write-ahead log', async () => {
  const { home, program } = built
  writeFileSync(join(home, 'belfry.toml'), CONFIG)
  // It asks its Worker once at start; the answer, or the failure, is a line of the log.
  const child = Bun.spawn(['sh', '-c', `exec ${program} serve 2>&1`], {
    cwd: home,
    stdout: 'pipe',
    env: { PATH: '/bin:/usr/bin' },
  })
  let text = ''
  for await (const chunk of child.stdout) {
    text += Buffer.from(chunk).toString()
    if (/level=error|write-ahead log copied/.test(text)) child.kill('SIGKILL')
  }
  await child.exited
  expect(text).toContain('write-ahead log copied')
  expect(text).not.toContain('level=error')
})
