/** Web Push and FCM through the whole server, against nginx in the place of their services. */
import { createECDH, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Database } from 'bun:sqlite'
import type { Bench } from './bench.ts'
import { BenchClient } from './client.ts'
import { startTaker } from './nginx.ts'
import { addAccounts } from './people.ts'
import { recorded, send, SENDERS } from './push-rate.ts'
import { startServerUnderTest } from './server.ts'

const SLEEPERS = 1_000
const WARM_UP = 10_000
const MESSAGES = 20_000
const RUNS = 3
const DELAY_MS = 50

type Kind = 'webpush' | 'fcm'

const bench = (kind: Kind, what: string): Bench => ({
  name: `${kind}-rate`,
  what: `${MESSAGES} messages for ${SLEEPERS} sleeping phones by ${what}, which answers after ${DELAY_MS} ms`,
  async run() {
    const samples: number[] = []
    for (let i = 0; i < RUNS; i++) samples.push(await once(kind))
    return [{ figure: 'pushes', unit: '/s', samples, least: 2_000 }]
  },
})

export const webPushRateBench = bench('webpush', 'Web Push')
export const fcmRateBench = bench('fcm', 'FCM')

async function once(kind: Kind): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-bench-others-'))
  const taker = await startTaker(dir, DELAY_MS)
  const oauth = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: () => Response.json({ access_token: 'bench', expires_in: 3599 }),
  })
  const tokenUrl = `http://127.0.0.1:${oauth.port}/token`
  writeFileSync(join(dir, 'firebase.json'), accountFile())
  const server = await startServerUnderTest({
    accounts: SENDERS,
    seed(db) {
      addAccounts(db, 'sleeper', SLEEPERS)
      addOthers(db, kind, taker.url)
    },
    toml:
      kind === 'fcm'
        ? `[[push.fcm]]\ntopic = "bench"\nservice_account_file = "${dir}/firebase.json"\nbody = "full"\n` +
          `endpoint = "${taker.url}"\nca_file = "${taker.caFile}"\ntoken_url = "${tokenUrl}"\n`
        : `[push.webpush]\ncontact = "mailto:bench@example.org"\nhosts = ["localhost"]\nallow_private = true\n` +
          `ca_file = "${taker.caFile}"\n`,
  })
  try {
    const senders: BenchClient[] = []
    for (let i = 0; i < SENDERS; i++) senders.push(await BenchClient.login(server.c2s, `u${i}`))
    await send(senders, 0, WARM_UP)
    await recorded(server, WARM_UP)
    const from = performance.now()
    await send(senders, WARM_UP, MESSAGES)
    await recorded(server, WARM_UP + MESSAGES)
    return MESSAGES / ((performance.now() - from) / 1000)
  } finally {
    await server.stop()
    await taker.stop()
    await oauth.stop(true)
    rmSync(dir, { recursive: true, force: true })
  }
}

function accountFile(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return JSON.stringify({
    type: 'service_account',
    project_id: 'bench-project',
    private_key_id: 'bench',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    client_email: 'bench@example.org',
    token_uri: 'https://oauth2.googleapis.com/token',
  })
}

/** One device for each sleeper; all of Web Push have one pair of keys, which costs the server the same. */
function addOthers(db: Database, kind: Kind, url: string): void {
  const app = createECDH('prime256v1')
  const web = {
    p256dh: app.generateKeys().toString('base64url'),
    auth: Buffer.alloc(16, 7).toString('base64url'),
    ...ownKey(),
  }
  const options = JSON.stringify(kind === 'webpush' ? { web } : {})
  const topic = kind === 'webpush' ? 'web' : 'bench'
  const address =
    kind === 'webpush' ? `'${url}/push/' || a.id` : `printf('%022d', a.id) || ':APA91bxxxxxxxxxxxxxxxxxxxx'`
  db.run(
    `INSERT INTO devices (account_id, kind, topic, environment, address, created_at, refreshed_at, options)
     SELECT a.id, ?, ?, '', ${address}, a.id, a.id, ? FROM accounts a WHERE a.jid GLOB 'sleeper[0-9]*'`,
    [kind, topic, options],
  )
}

/** A key of the app's own, so that nothing has to be asked of the server before. */
function ownKey(): { vapid: string; own: { privateKey: string; claims: object } } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
  return {
    vapid: point.toString('base64url'),
    own: { privateKey: privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64'), claims: {} },
  }
}
