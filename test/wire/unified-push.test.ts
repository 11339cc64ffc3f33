/** UnifiedPush by a server that nobody here wrote (Prosody), opened by code that nobody here wrote (http-ece). */
import { createECDH, randomBytes } from 'node:crypto'
import { expect, test } from 'bun:test'
import { vapidPair } from '../../src/store/vapid-keys.ts'
import { child, childText } from '../../src/xmpp/xml.ts'
import { parse } from '../support/xml.ts'
import { installHttpEce, openByHttpEce } from './http-ece.ts'
import { Distributor, startProsody } from './prosody.ts'
import { type Wire, wire, WireClient } from './support.ts'

const enter = async (own: Wire, jid: string): Promise<WireClient> => {
  const client = await WireClient.direct(own.port('c2s-tls'))
  await client.logsIn(jid, 'orchard')
  client.send('<presence/>')
  await client.ping()
  return client
}

const app = () => {
  const curve = createECDH('prime256v1')
  return { curve, p256dh: curve.generateKeys(), auth: randomBytes(16) }
}

test('a message goes through Prosody’s mod_unified_push to two apps, each in its own form; one that is gone is forgotten', async () => {
  const [prosody] = await Promise.all([startProsody(), installHttpEce()])
  await using _ = prosody
  await using own = await wire({
    toml: '[push.webpush]\ncontact = "mailto:admin@bix.org"\nallow_private = true\n',
  })
  for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await own.account(jid)
  const phone = await Distributor.at(prosody)
  const [web, push2] = [app(), app()]

  // By HTTP, as an app registers that speaks no XMPP by itself.
  const registers = async (endpoint: string) => {
    const answer = await fetch(`http://127.0.0.1:${own.port('http')}/v1/me/devices`, {
      method: 'POST',
      headers: { authorization: own.basic('juliet@bix.org'), 'content-type': 'application/json' },
      body: JSON.stringify({
        kind: 'webpush',
        endpoint,
        p256dh: web.p256dh.toString('base64url'),
        auth: web.auth.toString('base64url'),
      }),
    })
    expect(answer.status).toBe(200)
  }
  const first = await phone.endpoint('web')
  await registers(first)
  const romeo = await enter(own, 'romeo@bix.org')
  const says = (body: string) =>
    romeo.send(`<message to='juliet@bix.org' type='chat'><body>${body}</body></message>`)
  says('But soft! 👍')
  const text = await openByHttpEce(await phone.message(), web.curve, web.auth)
  expect(JSON.parse(text)).toMatchObject({
    web_push: 8030,
    notification: { title: 'romeo', body: 'But soft! 👍', app_badge: '1', data: { from: 'romeo@bix.org' } },
  })

  // A registration that Prosody does not know (404): its device goes, and the other rings on.
  await registers(`${first}x`)
  says('What light?')
  await phone.message()
  const devices = async () => {
    const answer = await own.ask('GET', '/v1/users/juliet@bix.org/devices')
    return ((await answer.json()) as { items: unknown[] }).items.length
  }
  while ((await devices()) > 1) await romeo.ping()

  // Push 2.0: the stanza in an envelope of XEP-0420, under the app's own VAPID key.
  const juliet = await enter(own, 'juliet@bix.org')
  const { privateKey } = vapidPair(randomBytes)
  juliet.send(
    `<iq type='set' id='e' to='juliet@bix.org'><enable xmlns='urn:xmpp:push2:0'><service>push.bix.org</service>` +
      `<client>${await phone.endpoint('push2')}</client><match profile='urn:xmpp:push2:match:important'>` +
      `<send xmlns='urn:xmpp:push2:send:sce+rfc8291+rfc8292:0'><ua-public>${push2.p256dh.toString('base64')}</ua-public>` +
      `<auth-secret>${push2.auth.toString('base64')}</auth-secret><jwt-alg>ES256</jwt-alg><jwt-key>${privateKey}</jwt-key></send></match></enable></iq>`,
  )
  expect((await juliet.until(({ attrs }) => attrs.id === 'e')).attrs.type).toBe('result')
  juliet.send('</stream:stream>')
  await juliet.end()
  says('It is the east')
  // Both apps are on this phone, and their pushes come in either order.
  const came = [await phone.message(), await phone.message()]
  const opened = await Promise.all(
    came.map((body) => openByHttpEce(body, push2.curve, push2.auth).catch(() => '')),
  )
  const envelope = parse(opened.find((text) => text !== '') ?? '')
  const content = child(envelope, 'content')
  const forwarded = content && child(content, 'forwarded', 'urn:xmpp:forward:0')
  const message = forwarded && child(forwarded, 'message', 'jabber:client')
  expect([envelope.name, message?.attrs.from, message && childText(message, 'body')]).toEqual([
    'envelope',
    'romeo@bix.org',
    'It is the east',
  ])

  romeo.close()
  await phone.ends()
}, 60_000)
