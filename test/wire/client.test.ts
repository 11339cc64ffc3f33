/** Clients on real sockets: a stock one, large messages against a slow reader, and a fact of the runtime we rely on. */
import { createHash } from 'node:crypto'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'bun:test'
import { startServer } from '../../src/server/server.ts'
import { createSelfSigned } from '../../src/self-signed.ts'
import { PASSWORD, secure, wire, WireClient } from './support.ts'

test('@xmpp/client by STARTTLS and by direct TLS: a chat, then a message that waited', async () => {
  await using own = await wire()
  for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await own.account(jid)
  const before = Date.now()
  const ports = [own.port('c2s'), own.port('c2s-tls')].map(String)
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'chat.child.ts'), ...ports, PASSWORD], {
    env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  expect(`${code} ${err.replace(/^.*(?:NODE_TLS_REJECT_UNAUTHORIZED|--trace-warnings).*\n/gm, '')}`).toBe(
    '0 ',
  )
  const [live, late] = out
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line))
  const from = expect.stringMatching(/^romeo@bix\.org\/stock\/.+$/) as string
  expect(live).toEqual({ from, body: 'But soft', stamp: null })
  expect(late).toEqual({
    from,
    body: 'what light through yonder window breaks',
    stamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
  })
  expect(Date.parse((late as { stamp: string }).stamp)).toBeGreaterThanOrEqual(before - 1000)
})

/** Large enough to fill the buffers of the kernel on both sides many times over. */
const BODY = 200_000
const COUNT = 60

test.each(['c2s', 'c2s-tls'] as const)(
  'large messages to a reader that stops and to a writer that must wait (%s)',
  async (door) => {
    await using own = await wire({ limits: 'send_buffer_bytes = "64MB"' })
    for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await own.account(jid)
    const open = async (jid: string): Promise<WireClient> => {
      const client = await (door === 'c2s'
        ? WireClient.tcp(own.port(door))
        : WireClient.direct(own.port(door)))
      if (door === 'c2s') {
        await client.opens('bix.org')
        await client.startTls()
      }
      await client.logsIn(jid)
      client.send('<presence/>')
      await client.ping()
      return client
    }
    const [romeo, juliet] = [await open('romeo@bix.org'), await open('juliet@bix.org')]
    const body = (i: number) =>
      `${i} ${createHash('sha256')
        .update(String(i))
        .digest('hex')
        .repeat(BODY / 64)}`
    juliet.socket.pause()
    for (let i = 0; i < COUNT; i++) {
      romeo.send(`<message to='juliet@bix.org' type='chat'><body>${body(i)}</body></message>`)
    }
    await romeo.ping()
    juliet.socket.resume()
    for (let i = 0; i < COUNT; i++) {
      const heard = await juliet.body()
      if (heard !== body(i))
        throw new Error(`message ${i} came as ${heard.slice(0, 20)}…, ${heard.length} characters`)
    }
    for (const client of [romeo, juliet]) client.close()
  },
)

test('a restart asks a client without stream management whether it has its messages, and none comes twice', async () => {
  await using own = await wire()
  for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await own.account(jid)
  const open = async (jid: string): Promise<WireClient> => {
    const client = await WireClient.direct(own.port('c2s-tls'))
    await client.logsIn(jid)
    client.send('<presence/>')
    await client.ping()
    return client
  }
  const [romeo, juliet] = [await open('romeo@bix.org'), await open('juliet@bix.org')]
  romeo.send(`<message to='juliet@bix.org' type='chat'><body>hist!</body></message>`)
  expect(await juliet.body()).toBe('hist!')
  const restarted = own.restart()
  const ping = await juliet.until((el) => el.name === 'iq')
  juliet.send(`<iq type='result' id='${ping.attrs.id}' to='bix.org'/>`)
  await juliet.until((el) => el.name === 'error')
  await restarted
  const back = await open('juliet@bix.org')
  await back.ping()
  expect(back.text).not.toContain('hist!')
  for (const client of [romeo, juliet, back]) client.close()
})

test('a port in use ends the start with one line, and nothing stays open', async () => {
  const busy = createServer()
  await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', () => resolve()))
  const bound = busy.address()
  const port = typeof bound === 'object' && bound ? bound.port : 0
  for (const key of ['listen', 'direct_tls_listen'] as const) {
    await using own = await wire()
    const { config } = own
    await own.server.stop()
    config.c2s[key] = [{ host: '127.0.0.1', port }]
    const failure = await startServer(config).catch((error: Error) => error.message)
    const name = key === 'listen' ? 'c2s' : 'c2s-tls'
    expect(failure).toBe(
      `${name} cannot listen on 127.0.0.1:${port}: another program does; ` +
        `find it with: ss -ltnp, or change [c2s] ${key}`,
    )
    // The data is free again, and so are the ports that it had got.
    config.c2s[key] = [{ host: '127.0.0.1', port: 0 }]
    const again = await startServer(config)
    await again.stop()
  }
  busy.close()
})

test('the runtime gives each piece of data bytes of its own: the reader keeps them by reference', async () => {
  const kept: { bytes: Uint8Array; copy: string }[] = []
  let seen = 0
  let arrived: () => void = () => {}
  const data = (_socket: unknown, bytes: Uint8Array): void => {
    kept.push({ bytes, copy: Buffer.from(bytes).toString('latin1') })
    seen += bytes.length
    arrived()
  }
  const { cert, key } = createSelfSigned(['bix.org'], Date.now())
  const options = { hostname: '127.0.0.1', port: 0, socket: { data } }
  using plain = Bun.listen(options)
  using encrypted = Bun.listen({ ...options, tls: { cert, key } })
  for (const { port } of [plain, encrypted]) {
    const sender =
      port === plain.port ? connect(port, '127.0.0.1') : await secure({ host: '127.0.0.1', port })
    for (let i = 0; i < 200; i++) {
      const bytes = Buffer.alloc(1 + ((i * 7919) % 20_000), i % 251)
      const until = seen + bytes.length
      sender.write(bytes)
      while (seen < until) await new Promise<void>((resolve) => (arrived = resolve))
    }
    sender.destroy()
  }
  expect(kept.length).toBeGreaterThanOrEqual(400)
  expect(kept.every(({ bytes, copy }) => Buffer.from(bytes).toString('latin1') === copy)).toBe(true)
})
