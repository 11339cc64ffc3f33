/** The main job, told with the executable and with clients of other people: chat, sleep, ring, read. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { Profanity, profanityTest } from '../support/profanity.ts'
import { testWith } from '../support/programs.ts'
import { build, Home, type Running, Simulator, TOKEN, TOPIC } from './support.ts'

const PYTHON = '/usr/bin/python3'
const SLIXMPP = [PYTHON, '/usr/lib/python3/dist-packages/slixmpp/__init__.py']
const GO_SENDXMPP = '/usr/bin/go-sendxmpp'
const ROMEO = 'romeo@bix.org'
const JULIET = 'juliet@bix.org'
const PASSWORD = 'wherefore art thou'

let built: ReturnType<typeof build>
let simulator: Simulator
let server: Running
let home: Home
beforeAll(async () => {
  built = build()
  simulator = await Simulator.start(built.program, built.home)
  // COMPAT(slixmpp, 1.8.3): it binds channels by tls-unique only, which TLS 1.3 does not have.
  // COMPAT(go-sendxmpp, 0.5.6): it knows no mechanism but PLAIN.
  home = new Home(built.home, 'story', built.program, simulator, 'channel_binding = false\nplain = true')
  for (const jid of [ROMEO, JULIET]) {
    expect(home.run(`user add ${jid} --password-stdin`, PASSWORD).out).toBe(`${jid} added\n`)
  }
  server = await home.serve()
  const registered = await fetch(`http://127.0.0.1:${server.http}/v1/me/devices`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Basic ${Buffer.from(`${JULIET}:${PASSWORD}`).toString('base64')}`,
    },
    body: JSON.stringify({ token: TOKEN }),
  })
  expect(registered.status).toBe(200)
  expect(home.run(`device list ${JULIET}`).out).toContain(TOPIC)
})
afterAll(async () => {
  server.child.kill('SIGTERM')
  expect(await server.child.exited).toBe(0)
  await simulator.stop()
  built.remove()
})

interface Told {
  readonly event: string
  /** ms since the epoch */
  readonly at?: number
  readonly from?: string
  readonly body?: string
  readonly delay?: string | null
}

/** One client of slixmpp from login to logout; what it was told, in order. */
async function slixmpp(jid: string, ...steps: string[]): Promise<Told[]> {
  const script = join(import.meta.dir, 'slixmpp-client.py')
  const child = Bun.spawn([PYTHON, script, String(server.c2s), jid, PASSWORD, ...steps], {
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()])
  if ((await child.exited) !== 0) throw new Error(`${jid}: ${out}${err}\n${home.log}`)
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Told)
}

const messages = (told: readonly Told[]): Told[] => told.filter(({ event }) => event === 'message')

testWith(SLIXMPP)(
  'two people chat over STARTTLS; one sleeps, is rung within a second, and reads it once',
  async () => {
    const [juliet, romeo] = await Promise.all([
      slixmpp(JULIET, `say:${ROMEO}:Ay me`, 'answer'),
      slixmpp(ROMEO, 'hear:1', `say:${JULIET}:She speaks`, 'hear:1'),
    ])
    // The first may have been said before Romeo was there; her answer to him is live.
    expect(messages(romeo).map(({ body }) => body)).toEqual(['Ay me', 'yes: She speaks'])
    expect(messages(romeo)[1]?.delay).toBe(null)
    expect(messages(juliet).map(({ body }) => body)).toEqual(['She speaks'])
    expect((await simulator.received()).length).toBe(0)

    const sent = Date.now()
    const said = await slixmpp(ROMEO, `say:${JULIET}:O, speak again, bright angel`, 'settle')
    const [push] = await simulator.until((pushes) => pushes.length === 1)
    expect(push).toMatchObject({
      status: 200,
      topic: TOPIC,
      token: TOKEN,
      payload: { aps: { alert: { title: 'romeo', body: 'O, speak again, bright angel' }, badge: 1 } },
    })
    expect((push?.at ?? Infinity) - (said.find(({ event }) => event === 'said')?.at ?? 0)).toBeLessThan(1_000)

    const [read, ...more] = messages(await slixmpp(JULIET, 'hear:1', 'settle'))
    expect(more).toEqual([])
    expect([read?.body, read?.from?.split('/')[0]]).toEqual(['O, speak again, bright angel', ROMEO])
    expect(Date.parse(read?.delay ?? '')).toBeGreaterThan(sent - 1_000)
    expect(messages(await slixmpp(JULIET, 'settle'))).toEqual([])
    expect((await simulator.received()).length).toBe(1)
  },
)

testWith([GO_SENDXMPP])('go-sendxmpp by STARTTLS and by direct TLS reaches the phone', async () => {
  const before = (await simulator.received()).length
  const run = async (...args: string[]) => {
    const child = Bun.spawn([GO_SENDXMPP, '-n', '-u', ROMEO, '-p', PASSWORD, ...args, JULIET], {
      stdin: Buffer.from(`from go ${args.length}`),
      stdout: 'pipe',
      stderr: 'pipe',
      env: { HOME: built.home, PATH: '/bin' },
    })
    expect(`${await child.exited} ${await child.stderr.text()}`).toStartWith('0 ')
  }
  await home.post('/v1/messages', { to: JULIET, body: 'a device is there', id: 'first' })
  await run('-j', `127.0.0.1:${server.c2s}`)
  await run('-t', '-j', `127.0.0.1:${server.direct}`)
  const waiting = async () => JSON.parse(home.run(`user show ${JULIET} -o json`).out) as { jid: string }
  expect((await waiting()).jid).toBe(JULIET)
  const pushes = await simulator.until((all) => all.length >= before + 3)
  expect(pushes.slice(before).map(({ payload }) => payload.aps.alert.body.trim())).toEqual([
    'a device is there',
    'from go 2',
    'from go 3',
  ])
})

profanityTest('profanity signs in by SCRAM and its message reaches the phone', async () => {
  const before = (await simulator.received()).length
  await using romeo = await Profanity.start({
    jid: ROMEO,
    password: PASSWORD,
    resource: 'profanity',
    port: server.c2s,
  })
  await romeo.types(`/msg ${JULIET} from profanity`)
  const pushes = await simulator.until((all) => all.length > before)
  expect(pushes.at(-1)?.payload.aps.alert.body).toBe('from profanity')
})

test('push test and app check tell what the provider says', async () => {
  const rung = home.run(`push test ${JULIET}`)
  expect([rung.code, rung.err]).toEqual([0, ''])
  expect(rung.out).toMatch(/^topic: +org\.bix\.chat$/m)
  expect(rung.out).toMatch(/^status: +200$/m)
  expect(rung.out).toMatch(/^sent_through: +TEAM123456\/KEY1234567 production https:/m)
  expect(home.run('app check').out).toMatch(
    /org\.bix\.chat +production +key KEY1234567 of team TEAM123456 +ok +BadDeviceToken/,
  )
  await simulator.script([{ status: 410, reason: 'Unregistered' }])
  const refused = home.run(`push test ${JULIET}`)
  expect([refused.code, refused.out.includes('Unregistered')]).toEqual([1, true])
})
