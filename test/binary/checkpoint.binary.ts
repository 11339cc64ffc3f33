/** The checkpoint Worker inside the executable: found from any directory, without the sources. */
import { expect, test } from 'bun:test'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ROOT = join(import.meta.dir, '../..')
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

test('the Worker starts and copies the write-ahead log', async () => {
  const home = mkdtempSync(join(tmpdir(), 'belfry-checkpoint-'))
  try {
    const built = Bun.spawnSync([process.execPath, 'src/packaging/build.ts'], {
      cwd: ROOT,
      stderr: 'inherit',
    })
    expect(built.exitCode).toBe(0)
    // A copy: nothing may be found through the place that it was built in.
    const program = join(home, 'belfry')
    copyFileSync(join(ROOT, 'dist/belfry'), program)
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
      if (/checkpoint worker ended|a checkpoint failed|write-ahead log copied/.test(text))
        child.kill('SIGKILL')
    }
    await child.exited
    expect(text).toContain('write-ahead log copied')
    expect(text).not.toContain('checkpoint worker ended')
  } finally {
    rmSync(home, { recursive: true })
  }
})
