/** A picture that one stock client sends (go-sendxmpp) and another opens (slixmpp), over the whole server. */
import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect } from 'bun:test'
import { testWith } from '../support/programs.ts'
import { Slixmpp, SLIXMPP_PROGRAMS } from './slixmpp.ts'
import { PASSWORD, wire } from './support.ts'

const SENDER = '/usr/bin/go-sendxmpp'
const fileTest = testWith([SENDER, ...SLIXMPP_PROGRAMS])

fileTest(
  'a picture is sent by go-sendxmpp and opened by slixmpp, byte by byte, and by whoever comes back later',
  async () => {
    // COMPAT(go-sendxmpp, 0.5.6): it knows no mechanism but PLAIN; slixmpp binds channels by tls-unique alone.
    // The address of files is configured before the server has its port: a forwarder stands there.
    let to = 0
    const forwarder = createServer((near) => {
      const far = connect(to, '127.0.0.1')
      for (const [from, into] of [
        [near, far],
        [far, near],
      ] as const)
        from.on('error', () => into.destroy()).pipe(into)
    })
    await new Promise<void>((resolve) => forwarder.listen(0, '127.0.0.1', resolve))
    const { port } = forwarder.address() as AddressInfo
    await using w = await wire({
      auth: 'channel_binding = false\nplain = true',
      toml: `[upload]\nurl = "http://127.0.0.1:${port}"\nfree_bytes = 0\n[push]\nsimulator = true\n`,
    })
    to = w.port('http')
    await w.account('juliet@bix.org')
    await w.account('romeo@bix.org')
    const romeo = new Slixmpp(w.port('c2s'), 'romeo@bix.org/orchard')
    await romeo.tells('started')
    const picture = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), randomBytes(300_000)])
    const path = join(w.directory, 'a rose é.png')
    writeFileSync(path, picture)
    const args = ['-n', '-u', 'juliet@bix.org', '-p', PASSWORD, '-j', `127.0.0.1:${w.port('c2s')}`]
    const sender = Bun.spawn([SENDER, ...args, '--http-upload', path, 'romeo@bix.org'], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      env: { ...process.env, HOME: w.directory },
    })
    const [code, said] = await Promise.all([sender.exited, sender.stderr.text()])
    expect(`${code} ${said}`).toStartWith('0 ')
    const { body: url = '' } = await romeo.tells('message')
    expect(url).toMatch(/^http:\/\/[^/]+\/upload\/\S+\.png$/)
    romeo.does(`open ${url}`)
    const digest = createHash('sha256').update(picture).digest('hex')
    expect((await romeo.tells('opened')).body).toBe(`image/png ${digest}`)
    await w.restart()
    to = w.port('http')
    romeo.does(`open ${url}`)
    expect((await romeo.tells('opened', 2)).body).toBe(`image/png ${digest}`)
    await romeo.quits()
    forwarder.close()
  },
)
