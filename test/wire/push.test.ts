/** What leaves the server for a sleeping phone, and how that changes while it runs. */
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'
import { loadConfig } from '../../src/config/config.ts'
import { startApnsSim } from '../../src/ops/apns-sim.ts'
import { type Wire, wire } from './support.ts'

const JULIET = 'juliet@bix.org'

function writeKey(file: string): void {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), { mode: 0o600 })
}

const send = async (own: Wire, body: string): Promise<void> => {
  const sent = await own.ask('POST', '/v1/messages', { to: JULIET, body, id: body })
  expect(sent.status).toBe(202)
}

test('a webhook is told of a message that waits, and again after it failed', async () => {
  const heard: string[] = []
  let told: () => void = () => {}
  using hook = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      heard.push(await request.text())
      told()
      return new Response('', { status: heard.length === 1 ? 503 : 200 })
    },
  })
  const url = `http://127.0.0.1:${hook.port}/`
  await using own = await wire({ toml: `[webhook]\nurl = "${url}"\nallow_private = true\n` })
  await own.account(JULIET)
  await send(own, 'Art thou not Romeo?')
  while (heard.length < 2) await new Promise<void>((resolve) => (told = resolve))
  expect(heard[0]).toContain('Art thou not Romeo?')
  expect(heard[1]).toBe(heard[0] ?? '')
})

test('a new key of an app is used after a reload; nothing that was queued is lost', async () => {
  const sim = await startApnsSim()
  const toml = (keyId: string) =>
    `[[push.apps]]\ntopic = "org.bix.chat"\nteam_id = "TEAM123456"\nkey_id = "${keyId}"\nkey_file = "key.p8"\n` +
    `endpoint = "${sim.url}"\nca_file = "ca.pem"\nbody = "full"\n`
  await using own = await wire({
    toml: toml('KEY0000001'),
    prepare(home) {
      writeKey(join(home, 'key.p8'))
      writeFileSync(join(home, 'ca.pem'), sim.ca)
    },
  })
  await own.account(JULIET)
  const made = await fetch(`http://127.0.0.1:${own.port('http')}/v1/me/devices`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: own.basic(JULIET) },
    body: JSON.stringify({ token: 'ab'.repeat(32) }),
  })
  expect(made.status).toBe(200)
  await send(own, 'before')
  await sim.until(1)

  const file = own.config.source.file ?? ''
  writeFileSync(file, (await Bun.file(file).text()).replace('KEY0000001', 'KEY0000002'))
  writeKey(join(own.directory, 'key.p8'))
  await own.server.reload(loadConfig({ file, checkFiles: true }))
  await send(own, 'after')
  await sim.until(2)
  const keys = sim.received.map(({ headers, payload }) => {
    const [head = ''] = (headers.authorization ?? '').replace(/^bearer /i, '').split('.')
    const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { kid: string }
    return `${kid} ${JSON.stringify(payload).includes('before') ? 'before' : 'after'}`
  })
  expect(keys).toEqual(['KEY0000001 before', 'KEY0000002 after'])

  // A key that cannot be read leaves the one that works.
  writeFileSync(join(own.directory, 'key.p8'), 'damaged')
  const refused = await own.server
    .reload(loadConfig({ file, checkFiles: true }))
    .catch((e: Error) => e.message)
  expect(refused).toContain('key.p8 cannot be used')
  await send(own, 'still')
  await sim.until(3)
  await sim.close()
})
