/** Two stock clients in a room, and a third member whose app is closed. */
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'bun:test'
import { startApnsSim } from '../../src/ops/apns-sim.ts'
import { Profanity, PROFANITY_PROGRAMS } from '../support/profanity.ts'
import { testWith } from '../support/programs.ts'
import { Slixmpp, SLIXMPP_PROGRAMS } from './slixmpp.ts'
import { PASSWORD, wire } from './support.ts'

const ROOM = 'coven@conference.bix.org'

/** A server that knows an app, Apple's end of it, and the nurse, whose phone is registered. */
async function stage() {
  const sim = await startApnsSim()
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const own = await wire({
    auth: 'channel_binding = false',
    toml:
      `[[push.apps]]\ntopic = "org.bix.chat"\nteam_id = "TEAM123456"\nkey_id = "KEY0000001"\nkey_file = "key.p8"\n` +
      `endpoint = "${sim.url}"\nca_file = "ca.pem"\nbody = "full"\n`,
    prepare(home) {
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      writeFileSync(join(home, 'key.p8'), pem, { mode: 0o600 })
      writeFileSync(join(home, 'ca.pem'), sim.ca)
    },
  })
  for (const name of ['romeo', 'juliet', 'nurse']) await own.account(`${name}@bix.org`)
  const made = await fetch(`http://127.0.0.1:${own.port('http')}/v1/me/devices`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: own.basic('nurse@bix.org') },
    body: JSON.stringify({ token: 'ab'.repeat(32) }),
  })
  expect(made.status).toBe(200)
  return { sim, own }
}

/** Juliet at a terminal, in the room. */
async function terminal(port: number): Promise<Profanity> {
  const juliet = await Profanity.start({
    jid: 'juliet@bix.org',
    password: PASSWORD,
    resource: 'terminal',
    port,
  })
  await juliet.types(`/join ${ROOM} nick Juliet`)
  await juliet.sees(/You have joined the room as Juliet/)
  return juliet
}

/** Texts in the room's archive, as the nurse's client finds them after its login. */
async function nurseFinds(port: number): Promise<string[] | undefined> {
  const nurse = new Slixmpp(port, 'nurse@bix.org/kitchen')
  await nurse.tells('started')
  nurse.does(`said ${ROOM}`)
  const { bodies } = await nurse.tells('said')
  await nurse.quits()
  return bodies?.filter((body) => body !== '')
}

testWith([...PROFANITY_PROGRAMS, ...SLIXMPP_PROGRAMS])(
  'slixmpp makes a group, profanity talks in it; the member with a closed app rings once and finds everything',
  async () => {
    const { sim, own: server } = await stage()
    await using own = server
    const romeo = new Slixmpp(own.port('c2s'), 'romeo@bix.org/orchard')
    await romeo.tells('started')
    romeo.does(`join ${ROOM} Romeo`)
    await romeo.tells('joined')
    for (const name of ['juliet', 'nurse']) romeo.does(`member ${ROOM} ${name}@bix.org`)
    await romeo.tells('member', 2)
    // Being invited rings.
    await sim.until(1)
    await using juliet = await terminal(own.port('c2s'))
    romeo.does(`room ${ROOM} hark`)
    await juliet.sees(/ - Romeo: hark/)
    await juliet.types('what light')
    expect(await romeo.tells('groupchat', 2)).toMatchObject({ body: 'Juliet: what light' })
    await sim.until(3)
    const words = sim.received.map(({ payload }) => JSON.stringify(payload.aps))
    expect(words.filter((aps) => aps.includes('hark'))).toHaveLength(1)
    expect(words.filter((aps) => aps.includes('what light'))).toHaveLength(1)
    expect(await nurseFinds(own.port('c2s'))).toEqual(['hark', 'what light'])
    expect(sim.received).toHaveLength(3)
    await romeo.quits()
    await sim.close()
  },
)

testWith([...PROFANITY_PROGRAMS, ...SLIXMPP_PROGRAMS])(
  'in a public room talk does not ring the member with a closed app, and a mention does once; everything is found at login',
  async () => {
    const { sim, own: server } = await stage()
    await using own = server
    const romeo = new Slixmpp(own.port('c2s'), 'romeo@bix.org/orchard')
    await romeo.tells('started')
    romeo.does(`join ${ROOM} Romeo`)
    await romeo.tells('joined')
    romeo.does(`public ${ROOM}`)
    await romeo.tells('public')
    romeo.does(`member ${ROOM} nurse@bix.org Angelica`)
    await romeo.tells('member')
    await using juliet = await terminal(own.port('c2s'))
    romeo.does(`room ${ROOM} hark`)
    await juliet.sees(/ - Romeo: hark/)
    await juliet.types('good Angelica, come hither')
    await romeo.tells('groupchat', 2)
    await sim.until(1)
    romeo.does(`room ${ROOM} what light`)
    await juliet.sees(/ - Romeo: what light/)
    const said = ['hark', 'good Angelica, come hither', 'what light']
    expect(await nurseFinds(own.port('c2s'))).toEqual(said)
    const words = sim.received.map(({ payload }) => JSON.stringify(payload.aps))
    expect(said.map((text) => words.filter((aps) => aps.includes(text)).length)).toEqual([0, 1, 0])
    expect(words).toHaveLength(1)
    await romeo.quits()
    await sim.close()
  },
)
