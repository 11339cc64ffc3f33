/**
 * `belfry push selftest`: the whole way of a push, with nothing replaced but Apple, a browser's service and Google. A
 * server of its own in a directory of its own, two clients over TLS, the outbox, HTTP/2 to the simulators, and the verdicts
 * afterwards.
 */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../config/config.ts'
import { adminSocket } from '../ops/data-dir.ts'
import { type ApnsSim, startApnsSim } from '../ops/apns-sim.ts'
import { type FcmSim, startFcmSim } from '../ops/fcm-sim.ts'
import { startWebPushSim, type WebPushSim } from '../ops/web-push-sim.ts'
import { startServer } from '../server/server.ts'
import { CliError } from './exit.ts'
import type { Output, Row } from './output.ts'
import { SmallClient } from './small-client.ts'
import { NS } from '../xmpp/namespaces.ts'
import { xml } from '../xmpp/xml.ts'

const HOST = 'localhost'
const TOPIC = 'org.example.selftest'
const ANDROID = 'org.example.selftest.android'
const PASSWORD = 'wherefore art thou'
const TOKEN = '5e1f7e57'.repeat(8)
const ANDROID_TOKEN = `selftest:APA91b${'x'.repeat(100)}`
const WITHIN_MS = 10_000
const DEVICES = 3

interface Sims {
  readonly sim: ApnsSim
  readonly web: WebPushSim
  readonly google: FcmSim
}

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
  if (!out.json)
    out.line(
      'Not tested: Apple, Google and browsers themselves. For that: belfry app check, belfry push test JID',
    )
}

type Stepper = <T>(step: string, f: () => Promise<{ detail: string; value: T }>) => Promise<T>

async function run(dir: string, opened: AsyncDisposableStack, step: Stepper): Promise<void> {
  const sim = await step('simulator of Apple over HTTP/2', async () => {
    const value = await startApnsSim({ topics: [TOPIC] })
    opened.defer(() => value.close())
    return { detail: value.url, value }
  })
  const web = await step('simulator of a browser’s push service', async () => {
    const value = await startWebPushSim()
    opened.defer(() => value.close())
    return { detail: value.url, value }
  })
  const google = await step('simulator of Google’s FCM', async () => {
    const value = await startFcmSim()
    opened.defer(() => value.close())
    return { detail: value.url, value }
  })
  const { port, http, data } = await step('server', async () => {
    const config = loadConfig({ file: writeConfig(dir, { sim, web, google }), checkFiles: true })
    const server = await startServer(config)
    opened.defer(() => server.stop())
    const portOf = (of: string) => server.addresses.find(({ name }) => name === of)?.port ?? 0
    const port = portOf('c2s-tls')
    return { detail: `127.0.0.1:${port}`, value: { port, http: portOf('http'), data: config.data_dir } }
  })
  for (const name of ['romeo', 'juliet'])
    await call(data, 'POST', '/v1/users', { jid: `${name}@${HOST}`, password: PASSWORD })
  await step('juliet’s phone registers (XEP-0357)', async () => {
    const juliet = await SmallClient.login(port, HOST, 'juliet', PASSWORD, WITHIN_MS)
    await juliet.ask('set', xml('enable', { xmlns: NS.push, jid: `push.${HOST}`, node: TOKEN }))
    await juliet.close()
    return { detail: 'and goes away', value: undefined }
  })
  await step('her browser and her Android phone register (HTTP)', async () => {
    await register(http, { kind: 'webpush', ...web.subscribe() })
    await register(http, { kind: 'fcm', token: ANDROID_TOKEN, topic: ANDROID })
    return { detail: 'with a sealed subscription and a registration token', value: undefined }
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
  await step('the browser’s service is asked, and opens it', async () => {
    await within(web.until(1), 'no push came')
    const [push] = web.received
    if (push?.status !== 201 || push.text === undefined) throw new CliError(`refused: ${push?.status}`)
    return { detail: `${push.bytes} bytes, sealed and signed`, value: undefined }
  })
  await step('Google is asked', async () => {
    await within(google.until(1), 'no push came')
    const [push] = google.received
    if (push?.status !== 200) throw new CliError(`refused: ${push?.status}`)
    return { detail: 'with an access token of the service account', value: undefined }
  })
  await step('the answers are recorded', () => recorded(data))
}

async function register(port: number, device: object): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/me/devices`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`juliet@${HOST}:${PASSWORD}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(device),
  })
  if (!answer.ok) throw new CliError(`${answer.status} ${await answer.text()}`)
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
    const sent = verdicts.filter(({ verdict }) => verdict === 'sent')
    const [first] = sent
    if (first && sent.length === DEVICES) return { detail: first.meaning, value: undefined }
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

function writeConfig(dir: string, { sim, web, google }: Sims): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
  writeFileSync(join(dir, 'key.p8'), pem, { mode: 0o600 })
  writeFileSync(join(dir, 'ca.pem'), sim.ca)
  writeFileSync(join(dir, 'web-ca.pem'), web.ca)
  writeFileSync(join(dir, 'google-ca.pem'), google.ca)
  writeFileSync(join(dir, 'firebase.json'), google.accountFile(), { mode: 0o600 })
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
[push.webpush]
contact = "mailto:selftest@example.org"
allow_private = true
ca_file = "web-ca.pem"
[[push.fcm]]
topic = "${ANDROID}"
service_account_file = "firebase.json"
token_url = "${google.tokenUrl}"
endpoint = "${google.url}"
ca_file = "google-ca.pem"
`,
  )
  return file
}
