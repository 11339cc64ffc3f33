/**
 * A Siskin phone from its first question to the words on its screen: real sockets, the whole server, HTTP/2 to a
 * scripted Apple, and a decryption that is not ours. What the app says is in the order of its code: tigase/Martin
 * 95b99af, TigasePushNotificationsModule.swift:40–147, and tigase/siskin-im d77818f, SiskinPushNotificationsModule.swift.
 */
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'
import { startApnsSim } from '../../src/ops/apns-sim.ts'
import { child, children, childText, type Element } from '../../src/xmpp/xml.ts'
import { openAesGcm } from '../support/aes-gcm.ts'
import { type Wire, wire, WireClient } from './support.ts'

const TOKEN = '0123456789abcdef'.repeat(4)
const VOIP = 'fedcba9876543210'.repeat(4)
const KEY = Buffer.from('a key of 16 byte')
const COMMANDS = 'http://jabber.org/protocol/commands'
const ITEMS = 'http://jabber.org/protocol/disco#items'
const TOPIC = 'org.bix.siskin'

const open = async (own: Wire, jid: string, resource: string): Promise<WireClient> => {
  const client = await WireClient.direct(own.port('c2s-tls'))
  await client.logsIn(jid, resource)
  client.send('<presence/>')
  await client.ping()
  return client
}

let asked = 0
async function asks(client: WireClient, type: string, to: string, payload: string): Promise<Element> {
  const id = `q${++asked}`
  client.send(`<iq type='${type}' id='${id}'${to === '' ? '' : ` to='${to}'`}>${payload}</iq>`)
  const answer = await client.until(({ attrs }) => attrs.id === id)
  if (answer.attrs.type !== 'result') throw new Error(answer.toString())
  return answer
}

/** findPushComponent, register-device, enable. */
async function registers(phone: WireClient): Promise<void> {
  const items = child(await asks(phone, 'get', 'bix.org', `<query xmlns='${ITEMS}'/>`), 'query', ITEMS)
  const service = items && children(items, 'item').find(({ attrs }) => attrs.node === 'push')
  const jid = service?.attrs.jid ?? ''
  const field = (name: string, value: string) =>
    `<field var='${name}' type='text-single'><value>${value}</value></field>`
  const form =
    field('provider', 'tigase:messenger:apns:1') +
    field('device-token', TOKEN) +
    field('device-second-token', VOIP)
  const answer = await asks(
    phone,
    'set',
    jid,
    `<command xmlns='${COMMANDS}' node='register-device'><x xmlns='jabber:x:data' type='submit'>${form}</x></command>`,
  )
  const command = child(answer, 'command', COMMANDS)
  const result = command && child(command, 'x', 'jabber:x:data')
  const value = (name: string) => {
    const found = result && children(result, 'field').find(({ attrs }) => attrs.var === name)
    return (found && childText(found, 'value')) ?? ''
  }
  const encrypt =
    `<encrypt xmlns='tigase:push:encrypt:0' alg='aes-128-gcm' max-size='${value('max-payload-size')}'>` +
    `${KEY.toString('base64')}</encrypt>`
  const wishes = `<priority xmlns='tigase:push:priority:0'/>${encrypt}<jingle xmlns='tigase:push:jingle:0'/>`
  await asks(
    phone,
    'set',
    '',
    `<enable xmlns='urn:xmpp:push:0' jid='${jid}' node='${value('node')}' away='true'>${wishes}</enable>`,
  )
}

/** NotificationService.swift: by the account the key, then the tag behind the ciphertext, then JSON. */
function onScreen(payload: Record<string, unknown>): unknown {
  const { encrypted, iv } = payload as { encrypted: string; iv: string }
  return JSON.parse(openAesGcm(KEY, Buffer.from(iv, 'base64'), Buffer.from(encrypted, 'base64')).toString())
}

test('tigase:push:encrypt:0: from enable to the words on the screen', async () => {
  const sim = await startApnsSim({ topics: [TOPIC, `${TOPIC}.voip`] })
  await using own = await wire({
    toml:
      `[[push.apps]]\ntopic = "${TOPIC}"\nteam_id = "TEAM123456"\nkey_id = "KEY0000001"\nkey_file = "key.p8"\n` +
      `endpoint = "${sim.url}"\nca_file = "ca.pem"\nbody = "none"\n`,
    prepare(home) {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      writeFileSync(join(home, 'key.p8'), pem, { mode: 0o600 })
      writeFileSync(join(home, 'ca.pem'), sim.ca)
    },
  })
  for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await own.account(jid)
  const phone = await open(own, 'juliet@bix.org', 'siskin')
  await registers(phone)
  phone.send('</stream:stream>')
  await phone.end()

  const romeo = await open(own, 'romeo@bix.org', 'orchard')
  const says = (body: string) =>
    romeo.send(`<message to='juliet@bix.org' type='chat'><body>${body}</body></message>`)
  says('But soft! What light? 👩‍👩‍👧‍👦 שלום')
  await sim.until(1)
  says('漢👩‍👩‍👧‍👦'.repeat(2_000))
  await sim.until(2)
  romeo.send(
    `<message to='juliet@bix.org' type='chat'><propose xmlns='urn:xmpp:jingle-message:0' id='call-1'>` +
      `<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose><store xmlns='urn:xmpp:hints'/></message>`,
  )
  await sim.until(3)

  const [short, long, call] = sim.received
  expect(sim.received.map(({ status }) => status)).toEqual([200, 200, 200])
  expect(short).toMatchObject({ token: TOKEN, topic: TOPIC, payload: { account: 'juliet@bix.org' } })
  expect(short?.payload.aps).toMatchObject({ 'mutable-content': 1, badge: 1 })
  expect(JSON.stringify(sim.received.map(({ payload }) => payload))).not.toMatch(/romeo|soft|漢/)
  expect(onScreen(short?.payload ?? {})).toEqual({
    unread: 1,
    sender: 'romeo@bix.org',
    type: 'chat',
    message: 'But soft! What light? 👩‍👩‍👧‍👦 שלום',
  })

  expect(long?.bytes).toBeLessThanOrEqual(4096)
  const { message } = onScreen(long?.payload ?? {}) as { message: string }
  // Whole graphemes, as many as max-size lets in.
  expect(message).toMatch(/^(?:漢👩‍👩‍👧‍👦)+漢?…$/u)
  expect(Buffer.byteLength(message)).toBeGreaterThan(2_000)

  expect(call).toMatchObject({ token: VOIP, topic: `${TOPIC}.voip` })
  expect(onScreen(call?.payload ?? {})).toMatchObject({
    sender: 'romeo@bix.org/orchard',
    type: 'call',
    sid: 'call-1',
    media: ['audio'],
  })
  romeo.close()
  await sim.close()
})

test('the decryption of this test knows a right tag from a wrong one', () => {
  // McGrew and Viega, The Galois/Counter Mode of Operation, test case 3.
  const key = Buffer.from('feffe9928665731c6d6a8f9467308308', 'hex')
  const iv = Buffer.from('cafebabefacedbaddecaf888', 'hex')
  const sealed = Buffer.from(
    '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e' +
      '21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985' +
      '4d5c2af327cd64a62cf35abd2ba6fab4',
    'hex',
  )
  expect(openAesGcm(key, iv, sealed).toString('hex')).toBe(
    'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
      '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255',
  )
  sealed.writeUInt8(sealed.readUInt8(0) ^ 1, 0)
  expect(() => openAesGcm(key, iv, sealed)).toThrow('tag')
})
