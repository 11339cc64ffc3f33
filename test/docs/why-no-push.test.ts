/** The page that walks the output of `push explain` shows what the program really prints: the same story, played again. */
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'
import { TOPICS } from '../../src/cli/help.ts'
import { startApnsSim } from '../../src/ops/apns-sim.ts'
import { type Wire, wire, WireClient } from '../wire/support.ts'

const MAIN = join(import.meta.dir, '../../src/main.ts')
const JULIET = 'juliet@bix.org'
const TOKEN = '00112233445566778899aabbccddeeff'.repeat(2)

/** Times, ids and the width of columns are another matter each day. */
const plain = (text: string): string =>
  text
    .trim()
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g, 'UUID')
    .replaceAll(/\b\d{16}\b/g, 'MESSAGE')
    .replaceAll(/ {2,}/g, '  ')

/** What follows each command in the page's boxes. */
const boxes = [
  ...(TOPICS['why-no-push']?.text ?? '').matchAll(/```text\n\$ belfry (push explain \S+)\n([^`]+)```/g),
].map(([, command = '', output = '']) => ({ command: plain(command), output: plain(output) }))

async function explain(own: Wire, what: string): Promise<{ command: string; output: string }> {
  const args = ['push', 'explain', what, '--config', own.config.source.file ?? '']
  const run = Bun.spawn([process.execPath, MAIN, ...args], { stdout: 'pipe', stderr: 'pipe' })
  const [output, err] = await Promise.all([run.stdout.text(), run.stderr.text()])
  expect(err).toBe('')
  return { command: plain(`push explain ${what}`), output: plain(output) }
}

interface Verdict {
  readonly message: string
  readonly verdict: string
}

/** The last decision, once it is of this kind. */
async function decided(own: Wire, verdict: string): Promise<Verdict> {
  for (;;) {
    const answer = await own.ask('GET', `/v1/push/explain?jid=${JULIET}`)
    const { verdicts } = (await answer.json()) as { verdicts: Verdict[] }
    const [last] = verdicts
    if (last?.verdict === verdict) return last
  }
}

test('why-no-push: each box is what the program prints', async () => {
  const sim = await startApnsSim()
  await using own = await wire({
    toml:
      `[[push.apps]]\ntopic = "org.bix.chat"\nteam_id = "TEAM123456"\nkey_id = "KEY0000001"\nkey_file = "key.p8"\n` +
      `endpoint = "${sim.url}"\nca_file = "ca.pem"\n`,
    prepare(home) {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      writeFileSync(join(home, 'key.p8'), pem, { mode: 0o600 })
      writeFileSync(join(home, 'ca.pem'), sim.ca)
    },
  })
  await own.account(JULIET)
  const session = async (resource: string): Promise<WireClient> => {
    const client = await WireClient.direct(own.port('c2s-tls'))
    await client.logsIn(JULIET, resource)
    client.send('<presence/>')
    await client.ping()
    return client
  }
  const says = async (body: string): Promise<void> => {
    const sent = await own.ask('POST', '/v1/messages', { from: 'romeo@bix.org', to: JULIET, body, id: body })
    expect(sent.status).toBe(202)
  }
  await own.account('romeo@bix.org')
  const phone = await session('phone')
  phone.send(
    `<iq type='set' id='e'><enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${TOKEN}'/></iq>`,
  )
  await phone.until(({ attrs }) => attrs.id === 'e')
  phone.send('</stream:stream>')
  await phone.end()

  const printed = []
  await says('Art thou there?')
  await decided(own, 'sent')
  printed.push(await explain(own, JULIET))

  const desk = await session('desk')
  await says('But soft!')
  const { message } = await decided(own, 'held')
  desk.send(`<message to='romeo@bix.org' type='chat'><body>Ay me!</body></message>`)
  await desk.ping()
  await decided(own, 'withdrawn')
  printed.push(await explain(own, message))
  desk.send('</stream:stream>')
  await desk.end()

  sim.script({ status: 410, reason: 'Unregistered', timestamp: Date.now() + 60_000 })
  await says('What light?')
  const gone = await decided(own, 'forgotten')
  printed.push(await explain(own, gone.message))
  await sim.close()

  expect(boxes).toEqual(printed)
})
