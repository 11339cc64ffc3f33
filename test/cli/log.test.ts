/** `belfry log watch` against a real server: what an account does, told to whoever looks, and the end of the server. */
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const MAIN = resolve('src/main.ts')
const CONFIG = `hosts = ["bix.org"]\n[c2s]\nlisten = ["127.0.0.1:0"]\ndirect_tls_listen = []\n[http]\nlisten = []\n`

/** Text of a stream, as far as those words. */
function words(stream: ReadableStream<Uint8Array>) {
  const reader = stream.getReader()
  let text = ''
  return async (wanted: string): Promise<string> => {
    while (!text.includes(wanted)) {
      const { done, value } = await reader.read()
      if (done) throw new Error(`it ended without "${wanted}": ${text}`)
      text += Buffer.from(value).toString()
    }
    return text
  }
}

test('belfry log watch tells what goes on, of an account alone if asked, until the server ends', async () => {
  const home = mkdtempSync(join(tmpdir(), 'belfry-log-'))
  writeFileSync(join(home, 'belfry.toml'), CONFIG)
  const belfry = (...args: string[]) =>
    Bun.spawn([process.execPath, MAIN, ...args], {
      ...{ cwd: home, stdin: 'pipe', stdout: 'pipe', stderr: 'pipe', env: { PATH: '/bin' } },
    })
  const add = async (jid: string) => {
    const made = belfry('user', 'add', jid, '--password-stdin')
    void made.stdin.write('correct horse battery\n')
    await made.stdin.end()
    expect(await made.exited).toBe(0)
  }
  const stopped = belfry('log', 'watch')
  expect(await stopped.exited).toBe(3)
  expect(await new Response(stopped.stderr).text()).toContain('no server answers')
  const server = belfry('serve')
  try {
    await words(server.stdout)('server started')
    const all = belfry('log', 'watch', '--last', '500')
    const some = belfry('-o', 'json', 'log', 'watch', '--user', 'juliet@bix.org', '--level', 'debug')
    // What was before stands first.
    const said = words(all.stdout)
    await said('event="server started"')
    await add('romeo@bix.org')
    await add('juliet@bix.org')
    const text = await said('juliet@bix.org')
    expect(text).toMatch(/^time=\S+ level=info area=audit .*romeo@bix\.org/m)
    expect(text).not.toContain('correct horse')
    const own = await words(some.stdout)('\n')
    expect(JSON.parse(own.split('\n')[0] ?? '')).toMatchObject({ area: 'audit', level: 'info' })
    expect(own).not.toContain('romeo')
    server.kill('SIGTERM')
    expect(await all.exited).toBe(3)
    expect(await new Response(all.stderr).text()).toContain('the server has ended')
    expect(await some.exited).toBe(3)
  } finally {
    server.kill('SIGTERM')
    await server.exited
    rmSync(home, { recursive: true })
  }
})
