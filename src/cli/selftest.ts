/**
 * `belfry push selftest`: the whole way of a push, with nothing replaced but Apple. A server of its own in a directory
 * of its own, two clients over TLS, the outbox, HTTP/2 to the simulator, and the verdict afterwards.
 */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../config/config.ts'
import { adminSocket } from '../ops/data-dir.ts'
import { type ApnsSim, startApnsSim } from '../ops/apns-sim.ts'
import { startServer } from '../server/server.ts'
import { CliError } from './exit.ts'
import type { Output, Row } from './output.ts'
import { SmallClient } from './small-client.ts'
import { NS } from '../xmpp/namespaces.ts'
import { xml } from '../xmpp/xml.ts'

const HOST = 'localhost'
const TOPIC = 'org.example.selftest'
const PASSWORD = 'wherefore art thou'
const TOKEN = '5e1f7e57'.repeat(8)
const WITHIN_MS = 10_000

interface Step extends Row {
  readonly step: string
  readonly result: 'ok' | 'failed'
  readonly ms: number
  readonly detail: string
}

export async function selftest(out: Output): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-selftest-'))
  const steps: Step[] = []
  try {
    await using opened = new AsyncDisposableStack()
    await run(dir, opened, async (step, f) => {
      const from = performance.now()
      const add = (result: Step['result'], detail: string): void => {
        steps.push({ step, result, ms: Math.round(performance.now() - from), detail })
      }
      try {
        const { detail, value } = await f()
        add('ok', detail)
        return value
      } catch (error) {
        add('failed', error instanceof Error ? error.message : String(error))
        throw new CliError(`the self-test failed: ${step}`, undefined, { steps })
      }
    })
  } finally {
    rmSync(dir, { recursive: true, force: true })
    if (!out.json || steps.every(({ result }) => result === 'ok'))
      out.table(steps, ['step', 'result', 'ms', 'detail'])
  }
  if (!out.json) out.line('Not tested: Apple itself. For that: belfry app check, belfry push test JID')
}

type Stepper = <T>(step: string, f: () => Promise<{ detail: string; value: T }>) => Promise<T>

async function run(dir: string, opened: AsyncDisposableStack, step: Stepper): Promise<void> {
  const sim = await step('simulator of Apple over HTTP/2', async () => {
    const value = await startApnsSim({ topics: [TOPIC] })
    opened.defer(() => value.close())
    return { detail: value.url, value }
  })
  const { port, data } = await step('server', async () => {
    const config = loadConfig({ file: writeConfig(dir, sim), checkFiles: true })
    const server = await startServer(config)
    opened.defer(() => server.stop())
    const port = server.addresses.find(({ name }) => name === 'c2s-tls')?.port ?? 0
    return { detail: `127.0.0.1:${port}`, value: { port, data: config.data_dir } }
  })
  for (const name of ['romeo', 'juliet'])
    await call(data, 'POST', '/v1/users', { jid: `${name}@${HOST}`, password: PASSWORD })
  await step('juliet’s phone registers (XEP-0357)', async () => {
    const juliet = await SmallClient.login(port, HOST, 'juliet', PASSWORD, WITHIN_MS)
    await juliet.ask('set', xml('enable', { xmlns: NS.push, jid: `push.${HOST}`, node: TOKEN }))
    await juliet.close()
    return { detail: 'and goes away', value: undefined }
  })
  await step('romeo writes to her', async () => {
    const romeo = await SmallClient.login(port, HOST, 'romeo', PASSWORD, WITHIN_MS)
    const to = `juliet@${HOST}`
    romeo.send(xml('message', { to, type: 'chat', id: 'm1' }, xml('body', {}, 'Art thou there?')))
    await romeo.ask('get', xml('ping', { xmlns: NS.ping }))
    await romeo.close()
    return { detail: 'stored and acknowledged', value: undefined }
  })
  await step('the simulator is asked to ring', () => asked(sim))
  await step('the answer is recorded', () => recorded(data))
}

async function asked(sim: ApnsSim): Promise<{ detail: string; value: undefined }> {
  await within(sim.until(1), 'no push came')
  const push = sim.received[0]
  if (push?.status !== 200) throw new CliError(`refused: ${push?.status} ${push?.reason ?? ''}`)
  if (push.token !== TOKEN) throw new CliError('the push went to another token')
  return { detail: `${push.topic}, ${push.bytes} bytes, apns-id ${push.apnsId}`, value: undefined }
}

async function recorded(data: string): Promise<{ detail: string; value: undefined }> {
  const until = performance.now() + WITHIN_MS
  for (;;) {
    const found = await call(data, 'GET', `/v1/push/explain?jid=juliet@${HOST}`)
    // The route's schema promises it.
    const { verdicts } = found as { verdicts: { verdict: string; meaning: string }[] }
    const sent = verdicts.find(({ verdict }) => verdict === 'sent')
    if (sent) return { detail: sent.meaning, value: undefined }
    if (performance.now() > until) throw new CliError(JSON.stringify(verdicts))
    await Bun.sleep(10)
  }
}

async function within(promise: Promise<void>, otherwise: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new CliError(otherwise)), WITHIN_MS)
  })
  try {
    await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

async function call(data: string, method: string, path: string, body?: object): Promise<unknown> {
  const answer = await fetch(`http://localhost${path}`, {
    unix: adminSocket(data),
    method,
    ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
  })
  if (!answer.ok) throw new CliError(`${method} ${path}: ${answer.status} ${await answer.text()}`)
  return answer.json()
}

function writeConfig(dir: string, sim: ApnsSim): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
  writeFileSync(join(dir, 'key.p8'), pem, { mode: 0o600 })
  writeFileSync(join(dir, 'ca.pem'), sim.ca)
  const file = join(dir, 'belfry.toml')
  writeFileSync(
    file,
    `hosts = ["${HOST}"]
data_dir = "${join(dir, 'data')}"
[c2s]
listen = ["127.0.0.1:0"]
direct_tls_listen = ["127.0.0.1:0"]
[http]
listen = ["127.0.0.1:0"]
[auth]
plain = true
scram_iterations = 4096
[[push.apps]]
topic = "${TOPIC}"
team_id = "SELFTEST00"
key_id = "SELFTEST00"
key_file = "key.p8"
endpoint = "${sim.url}"
ca_file = "ca.pem"
`,
  )
  return file
}
