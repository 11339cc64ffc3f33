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

testWith([...PROFANITY_PROGRAMS, ...SLIXMPP_PROGRAMS])(
  'slixmpp makes a group, profanity talks in it; the member with a closed app rings once and finds everything',
  async () => {
    const sim = await startApnsSim()
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    await using own = await wire({
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
    const romeo = new Slixmpp(own.port('c2s'), 'romeo@bix.org/orchard')
    await romeo.tells('started')
    romeo.does(`join ${ROOM} Romeo`)
    await romeo.tells('joined')
    for (const name of ['juliet', 'nurse']) romeo.does(`member ${ROOM} ${name}@bix.org`)
    await romeo.tells('member', 2)
    // Being invited rings.
    await sim.until(1)
    await using juliet = await Profanity.start({
      jid: 'juliet@bix.org',
      password: PASSWORD,
      resource: 'terminal',
      port: own.port('c2s'),
    })
    await juliet.types(`/join ${ROOM} nick Juliet`)
    await juliet.sees(/You have joined the room as Juliet/)
    romeo.does(`room ${ROOM} hark`)
    await juliet.sees(/ - Romeo: hark/)
    await juliet.types('what light')
    expect(await romeo.tells('groupchat', 2)).toMatchObject({ body: 'Juliet: what light' })
    await sim.until(3)
    const words = sim.received.map(({ payload }) => JSON.stringify(payload.aps))
    expect(words.filter((aps) => aps.includes('hark'))).toHaveLength(1)
    expect(words.filter((aps) => aps.includes('what light'))).toHaveLength(1)
    const nurse = new Slixmpp(own.port('c2s'), 'nurse@bix.org/kitchen')
    await nurse.tells('started')
    nurse.does(`said ${ROOM}`)
    expect((await nurse.tells('said')).bodies?.filter((body) => body !== '')).toEqual(['hark', 'what light'])
    expect(sim.received).toHaveLength(3)
    for (const client of [romeo, nurse]) await client.quits()
    await sim.close()
  },
)
