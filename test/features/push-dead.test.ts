/** A device that its service calls dead: its account hears of it (XEP-0357, remote disabling). */
import { expect, test } from 'bun:test'
import type { Actor } from '../support/actor.ts'
import { doorOf } from '../support/door.ts'
import { phoneOf } from '../support/phone.ts'
import {
  atDesk,
  cast,
  chat,
  enableOf,
  leaves,
  passes,
  PUSH,
  registers,
  says,
  settle,
} from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'
import { child } from '../../src/xmpp/xml.ts'

const PUBSUB = 'http://jabber.org/protocol/pubsub'

/** What one of juliet's apps has heard of registrations that are no more. */
async function hears(app: Actor) {
  await app.settles()
  return app.heard.flatMap((el) => {
    const pubsub = child(el, 'pubsub', PUBSUB)
    const affiliation = pubsub && child(pubsub, 'affiliation')
    return affiliation ? [{ from: el.attrs.from, node: pubsub.attrs.node, ...affiliation.attrs }] : []
  })
}

/** Juliet's app opens, and gets what has waited for it. */
async function comesBack(p: Play): Promise<Actor> {
  const app = await p.bound('juliet@bix.org/phone')
  app.sends('<presence/>')
  await app.settles()
  return app
}

const OVER = {
  from: 'push.bix.org',
  node: '1'.repeat(64),
  jid: 'juliet@bix.org',
  affiliation: 'none',
}

/** Juliet's phone is rung, and Apple has not known it for some time; `ago` in ms. */
async function isRung(
  p: Play,
  phone: Awaited<ReturnType<typeof phoneOf>>,
  romeo: Actor,
  { ago = 0, held = 0 } = {},
) {
  await passes(p, 1_000)
  phone.refuses({ status: 410, reason: 'Unregistered', timestamp: p.clock.now() - ago })
  await says(romeo, chat('hist!'))
  await passes(p, held)
  expect((await phone.gets()).length).toBeGreaterThan(0)
  await settle(p)
}

const devices = (p: Play) => p.store.push.devices.of(p.store.accounts.find('juliet@bix.org')?.id ?? 0)

test('the app hears of it when it comes again, from the service and node that it has named, and once', async () => {
  using p = play({ toml: PUSH })
  await using phone = await phoneOf(p)
  const { romeo } = await cast(p)
  await isRung(p, phone, romeo)
  expect(devices(p)).toEqual([])
  const app = await comesBack(p)
  expect(await hears(app)).toEqual([OVER])
  await app.asks('set', enableOf(1))
  await leaves(p, app)
  await says(romeo, chat('again'))
  await phone.rings({ from: 'romeo@bix.org' })
})

test('another app of the account that is there hears of it at once', async () => {
  using p = play({ toml: PUSH })
  await using phone = await phoneOf(p)
  const { romeo } = await cast(p)
  const desk = await atDesk(p)
  await isRung(p, phone, romeo, { held: 30_000 })
  expect(await hears(desk)).toEqual([OVER])
})

test('whoever registered after Apple’s word is alive, and hears nothing', async () => {
  using p = play({ toml: PUSH })
  await using phone = await phoneOf(p)
  const { romeo } = await cast(p)
  await isRung(p, phone, romeo, { ago: 60_000 })
  expect(devices(p)).toHaveLength(1)
  const app = await comesBack(p)
  expect(await hears(app)).toEqual([])
})

test('what was registered by the API, or removed by its app, has nobody to tell', async () => {
  using p = play({ toml: PUSH })
  await using phone = await phoneOf(p)
  const { romeo } = await cast(p)
  await doorOf(p)('DELETE', '/v1/me/devices/1', undefined, 'juliet@bix.org')
  await doorOf(p)('POST', '/v1/me/devices', { token: '1'.repeat(64) }, 'juliet@bix.org')
  await isRung(p, phone, romeo)
  expect(devices(p)).toEqual([])
  const app = await comesBack(p)
  expect(await hears(app)).toEqual([])
  await registers(p)
})

test('the operator reads what brings it back', async () => {
  using p = play({ toml: PUSH })
  await using phone = await phoneOf(p)
  const { romeo } = await cast(p)
  await isRung(p, phone, romeo)
  const { body } = await doorOf(p)('GET', '/v1/push/explain?jid=juliet@bix.org')
  expect(String(body.findings)).toContain('switch its notifications off and on')
})
