/** The executable on a kernel of long ago: calls that those of EL 7 and 8 do not have fail, and it serves all the same. */
import { afterAll, beforeAll, expect } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BenchClient } from '../bench/client.ts'
import { listening, PASSWORD } from '../bench/server.ts'
import { freePort } from '../support/ports.ts'
import { testWith } from '../support/programs.ts'
import { must } from '../systemd/root.ts'

const BINARY = join(import.meta.dir, '../../dist/belfry')
/** Linux 4.5 to 5.11 have brought them; `rseq` is of the C library, which does without. */
const YOUNG = ['epoll_pwait2', 'pidfd_open', 'close_range', 'openat2', 'io_uring_setup', 'clone3']
  .concat(['faccessat2', 'rseq', 'copy_file_range'])
  .join(',')

let home: string
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'belfry-old-kernel-'))
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

testWith(['/usr/bin/strace'])('it serves where the kernel has no young calls', async () => {
  const [config, trace, c2s] = [join(home, 'belfry.toml'), join(home, 'trace'), await freePort()]
  writeFileSync(
    config,
    `hosts = ["localhost"]
data_dir = "${join(home, 'data')}"
[auth]
plain = true
[c2s]
listen = ["127.0.0.1:${c2s}"]
direct_tls_listen = []
[http]
listen = []
`,
  )
  const strace = ['strace', '-f', '-o', trace, '-e', `trace=${YOUNG}`, '-e', `inject=${YOUNG}:error=ENOSYS`]
  const server = Bun.spawn([...strace, BINARY, '-c', config, 'serve'], {
    stdio: ['ignore', Bun.file(join(home, 'out.log')), Bun.file(join(home, 'err.log'))],
  })
  try {
    await listening(c2s, home)
    const socket = ['--unix-socket', join(home, 'data/admin.sock'), '-sS', '--fail-with-body']
    const json = ['-H', 'content-type: application/json', '-d']
    for (const user of ['romeo', 'juliet']) {
      const body = JSON.stringify({ jid: `${user}@localhost`, password: PASSWORD })
      must(['curl', ...socket, ...json, body, 'http://localhost/v1/users'])
    }
    const juliet = await BenchClient.login(c2s, 'juliet')
    const romeo = await BenchClient.login(c2s, 'romeo')
    await juliet.ask('<presence/>', '<presence')
    const heard = new Promise<string>((resolve) => (juliet.onText = resolve))
    romeo.send(`<message to='juliet@localhost' type='chat'><body>Hark!</body></message>`)
    expect(await heard).toContain('Hark!')
    // A Worker's copy of the database, and its check.
    must(['curl', ...socket, ...json, '{}', 'http://localhost/v1/backups'])
    for (const client of [romeo, juliet]) client.close()
  } finally {
    // The server's own end is that of strace too.
    process.kill(Number(must(['pgrep', '-P', String(server.pid)]).trim()), 'SIGTERM')
    expect(await server.exited).toBe(0)
  }
  expect(readFileSync(trace, 'utf8')).toMatch(/ENOSYS .*INJECTED/)
})
