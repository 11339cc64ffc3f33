/** Server CPU of a whole login, from the connection to the bound resource: by SCRAM as older apps do, by token (XEP-0484). */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import type { Bench } from './bench.ts'
import { BenchClient } from './client.ts'
import { PASSWORD, startServerUnderTest } from './server.ts'
import { fastLogin, firstToken } from './sessions.ts'

const ACCOUNTS = 50
const LOGINS = 400
const ROUNDS = 5
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'

/** Salted passwords, as a client keeps them (RFC 5802 §3). */
const salted = new Map<string, Buffer>()

export async function scramLogin(port: number, user: string): Promise<BenchClient> {
  const client = await BenchClient.secured(port)
  const bare = `n=${user},r=${randomBytes(12).toString('hex')}`
  const b64 = (text: string) => Buffer.from(text).toString('base64')
  const challenge = await client.ask(
    `<auth xmlns='${SASL}' mechanism='SCRAM-SHA-256'>${b64(`n,,${bare}`)}</auth>`,
    '</challenge>',
  )
  const first = Buffer.from(/<challenge[^>]*>([^<]*)/.exec(challenge)?.[1] ?? '', 'base64').toString()
  const [, nonce = '', salt = '', i = ''] = /r=([^,]*),s=([^,]*),i=(\d+)/.exec(first) ?? []
  const key = salted.get(salt) ?? pbkdf2Sync(PASSWORD, Buffer.from(salt, 'base64'), Number(i), 32, 'sha256')
  salted.set(salt, key)
  const hmac = (by: Buffer, text: string) => createHmac('sha256', by).update(text).digest()
  const clientKey = hmac(key, 'Client Key')
  const last = `c=biws,r=${nonce}`
  const signature = hmac(createHash('sha256').update(clientKey).digest(), `${bare},${first},${last}`)
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)))
  await client.ask(
    `<response xmlns='${SASL}'>${b64(`${last},p=${proof.toString('base64')}`)}</response>`,
    '</success>',
  )
  await client.open()
  await client.ask(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`, '</iq>')
  return client
}

export const loginsBench: Bench = {
  name: 'logins',
  what: 'server CPU of a login with its TLS handshake, up to the bound resource, one after another',
  async run() {
    const server = await startServerUnderTest({ accounts: ACCOUNTS })
    try {
      const tokens: string[] = []
      for (let i = 0; i < ACCOUNTS; i++) tokens.push(await firstToken(server.c2s, i))
      const kinds = {
        handshake: () => BenchClient.secured(server.c2s),
        scram: (i: number) => scramLogin(server.c2s, `u${i}`),
        fast: (i: number) => fastLogin(server.c2s, i, tokens[i] ?? ''),
      }
      const costs = { handshake: [] as number[], scram: [] as number[], fast: [] as number[] }
      for (let round = 0; round <= ROUNDS; round++)
        for (const kind of ['handshake', 'scram', 'fast'] as const) {
          const before = server.cpuMs()
          for (let n = 0; n < LOGINS; n++) (await kinds[kind](n % ACCOUNTS)).cut()
          // The first round compiles.
          if (round > 0) costs[kind].push((server.cpuMs() - before) / LOGINS)
        }
      const parts = costs.fast.map((ms, i) => ms / (costs.scram[i] ?? Number.NaN))
      return [
        { figure: 'connection and handshake alone', unit: 'ms', samples: costs.handshake },
        { figure: 'SCRAM-SHA-256', unit: 'ms', samples: costs.scram },
        { figure: 'token', unit: 'ms', samples: costs.fast },
        { figure: 'token, as a part of SCRAM', unit: '', samples: parts, limit: 0.6 },
      ]
    } finally {
      await server.stop()
    }
  },
}
