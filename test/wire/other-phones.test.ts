/** A browser and an Android phone register by HTTP and ring, before a restart of the server and after it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'
import { startFcmSim } from '../../src/ops/fcm-sim.ts'
import { startWebPushSim } from '../../src/ops/web-push-sim.ts'
import { wire, WireClient } from './support.ts'

const TOKEN = `dXnE:APA91b${'x'.repeat(100)}`

test('POST /v1/me/devices, webpush and fcm: both ring, and after a restart by the same key of the server', async () => {
  const [web, google] = await Promise.all([startWebPushSim(), startFcmSim()])
  await using own = await wire({
    toml:
      '[push.webpush]\ncontact = "mailto:admin@bix.org"\nallow_private = true\nca_file = "web.pem"\n' +
      '[[push.fcm]]\ntopic = "org.bix.android"\nservice_account_file = "firebase.json"\nbody = "full"\n' +
      `token_url = "${google.tokenUrl}"\nendpoint = "${google.url}"\nca_file = "google.pem"\n`,
    prepare(home) {
      writeFileSync(join(home, 'web.pem'), web.ca)
      writeFileSync(join(home, 'google.pem'), google.ca)
      writeFileSync(join(home, 'firebase.json'), google.accountFile(), { mode: 0o600 })
    },
  })
  for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await own.account(jid)
  const asks = (path: string, body?: object) =>
    fetch(`http://127.0.0.1:${own.port('http')}${path}`, {
      ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
      headers: { authorization: own.basic('juliet@bix.org'), 'content-type': 'application/json' },
    })
  const keyOf = async () => (await (await asks('/v1/push/vapid')).json()) as { public_key: string }
  const key = await keyOf()
  // From here on the subscription takes no other key.
  web.key = key.public_key
  for (const device of [
    { kind: 'webpush', ...web.subscribe() },
    { kind: 'fcm', token: TOKEN, topic: 'org.bix.android' },
  ]) {
    const answer = await asks('/v1/me/devices', device)
    expect([answer.status, await answer.json()]).toMatchObject([200, { kind: device.kind }])
  }
  const says = async (body: string) => {
    const romeo = await WireClient.direct(own.port('c2s-tls'))
    await romeo.logsIn('romeo@bix.org', 'orchard')
    romeo.send(`<message to='juliet@bix.org' type='chat'><body>${body}</body></message>`)
    await romeo.ping()
    romeo.close()
  }
  await says('hist!')
  await Promise.all([web.until(1), google.until(1)])
  await own.restart()
  await says('again')
  await Promise.all([web.until(2), google.until(2)])
  expect(web.received.map(({ status, payload }) => [status, payload.notification])).toMatchObject([
    [201, { title: 'romeo', body: 'hist!', app_badge: '1' }],
    [201, { title: 'romeo', body: 'again', app_badge: '2' }],
  ])
  expect(google.received.map(({ status, data }) => [status, data.title, data.body])).toEqual([
    [200, 'romeo', 'hist!'],
    [200, 'romeo', 'again'],
  ])
  expect(google.received[0]?.message.token).toBe(TOKEN)
  expect(await keyOf()).toEqual(key)
  await Promise.all([web.close(), google.close()])
}, 30_000)
