/** kill -9 in the midst of an upload: what was answered with 201 is whole, of the rest nothing is left. */
import { expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { child } from '../../src/xmpp/xml.ts'
import { freePort } from '../support/ports.ts'
import { PASSWORD, WireClient } from '../wire/support.ts'

const MAIN = join(import.meta.dir, '../../src/main.ts')
const UPLOAD = 'urn:xmpp:http:upload:0'
const SIZE = 3_000_000

test('a server that is killed has what it has said to have, and sweeps up the rest', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'belfry-killed-'))
  const [c2s, http] = [await freePort(), await freePort()]
  writeFileSync(
    join(cwd, 'belfry.toml'),
    `hosts = ["bix.org"]
[c2s]
listen = ["127.0.0.1:${c2s}"]
direct_tls_listen = []
[http]
listen = ["127.0.0.1:${http}"]
public_url = "http://127.0.0.1:${http}"
[auth]
scram_iterations = 4096
`,
  )
  const onDisk = (): string[] =>
    readdirSync(join(cwd, 'data/uploads'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name)
  const serve = async () => {
    const server = Bun.spawn([process.execPath, MAIN, 'serve'], { cwd, stdout: 'ignore', stderr: 'pipe' })
    let banner = ''
    for await (const chunk of server.stderr)
      if (/\n {2}data /.test((banner += Buffer.from(chunk).toString()))) break
    return server
  }
  const belfry = (args: string, input = '') =>
    Bun.spawnSync([process.execPath, MAIN, ...args.split(' ')], { cwd, stdin: Buffer.from(input) })
  let server = await serve()
  try {
    expect(belfry('user add romeo@bix.org --password-stdin', PASSWORD).exitCode).toBe(0)
    const romeo = await WireClient.tcp(c2s)
    await romeo.opens('bix.org')
    await romeo.startTls()
    await romeo.logsIn('romeo@bix.org')
    const slot = async (id: string): Promise<{ put: string; get: string }> => {
      romeo.send(
        `<iq type='get' id='${id}' to='upload.bix.org'><request xmlns='${UPLOAD}' filename='a.png' size='${SIZE}'/></iq>`,
      )
      const found = child(await romeo.until(({ attrs }) => attrs.id === id), 'slot', UPLOAD)
      const [put = '', get = ''] = ['put', 'get'].map((name) => found && child(found, name)?.attrs.url)
      return { put, get }
    }
    const whole = Buffer.alloc(SIZE, 'whole ')
    const [kept, cut] = [await slot('kept'), await slot('cut')]
    expect((await fetch(kept.put, { method: 'PUT', body: whole })).status).toBe(201)
    const { pathname } = new URL(cut.put)
    const half = connect(http, '127.0.0.1')
    half.on('error', () => {})
    half.write(`PUT ${pathname} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${SIZE}\r\n\r\n`)
    half.write(whole.subarray(0, SIZE / 2))
    while (!onDisk().some((name) => name.endsWith('.part'))) await Bun.sleep(1)
    server.kill('SIGKILL')
    await server.exited
    half.destroy()
    romeo.close()
    expect(onDisk().length).toBe(2)

    server = await serve()
    expect(Buffer.from(await (await fetch(kept.get)).arrayBuffer()).equals(whole)).toBe(true)
    expect((await fetch(cut.get)).status).toBe(404)
    while (onDisk().length > 1) await Bun.sleep(10)
    expect(onDisk()).toEqual([kept.get.split('/')[4] ?? ''])
    // The slot is as good as before.
    expect((await fetch(cut.put, { method: 'PUT', body: whole })).status).toBe(201)
  } finally {
    server.kill('SIGKILL')
    await server.exited
    rmSync(cwd, { recursive: true, force: true })
  }
}, 60_000)
