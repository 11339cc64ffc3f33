/** A digest of muted rooms, once a day at the person's time. */
import { expect, test } from 'bun:test'
import { doorOf } from '../support/door.ts'
import { explain, phoneOf } from '../support/phone.ts'
import { FULL, leaves, passes, registers, settle } from '../support/phones.ts'
import { changes, enters, inside, ROOM, says } from '../support/rooms.ts'
import { type Play, play } from '../support/world.ts'

const HOUR = 3_600_000
const QUIET_STREAMS = '[limits]\nrates = false\nidle_ping = "30d"\nidle_timeout = "30d"'

/** Juliet is a member of romeo's room, has muted it, and her phone is registered and gone. The plays begin at midnight, UTC. */
async function muted(p: Play) {
  await registers(p)
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`)
  const app = await p.online('juliet@bix.org/phone')
  await enters(app, 'Capulet')
  await app.asks(
    'set',
    `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'><item id='${ROOM}'><conference xmlns='urn:xmpp:bookmarks:1'><extensions><notify xmlns='urn:xmpp:notification-settings:1'><never/></notify></extensions></conference></item></publish></pubsub>`,
  )
  await leaves(p, app)
  return romeo
}

const digest = (p: Play, at: string | undefined, zone?: string, quiet: unknown = null) =>
  doorOf(p)(
    'PUT',
    '/v1/me/push-settings',
    { quiet, unknown_senders: false, digest: at === undefined ? null : { at, zone } },
    'juliet@bix.org',
  )

/** Hours go by; each minute is looked at. */
async function hours(p: Play, n: number): Promise<void> {
  for (let i = 0; i < n; i++) await passes(p, HOUR)
}

async function speaks(p: Play, romeo: Awaited<ReturnType<typeof inside>>, ...texts: string[]): Promise<void> {
  for (const text of texts) says(romeo, text)
  await romeo.settles()
  await settle(p)
}

test('tells once a day what each room has had since the last, at the person’s time', async () => {
  using p = play({ toml: `${FULL}\n${QUIET_STREAMS}` })
  await using phone = await phoneOf(p)
  const romeo = await muted(p)
  const { body, status } = await digest(p, '18:30', 'Europe/Rome')
  expect([status, body]).toMatchObject([200, { digest: { at: '18:30', zone: 'Europe/Rome' } }])
  await speaks(p, romeo, 'one', 'two', 'three')
  await hours(p, 17)
  await phone.isSilent()
  await hours(p, 1)
  await phone.rings({ title: 'coven 3', body: 'New messages in muted rooms', badge: 0 })
  await hours(p, 24)
  await phone.isSilent()
  await speaks(p, romeo, 'four')
  await hours(p, 24)
  await phone.rings({ title: 'coven 1' })
})

test('is told by nobody’s wish but the person’s, and not in the quiet hours', async () => {
  for (const quiet of [undefined, { from: '00:00', to: '23:59', zone: 'UTC' }]) {
    using p = play({ toml: `${FULL}\n${QUIET_STREAMS}` })
    await using phone = await phoneOf(p)
    const romeo = await muted(p)
    if (quiet) await digest(p, '02:00', undefined, quiet)
    await speaks(p, romeo, 'one')
    await hours(p, 25)
    await phone.isSilent()
  }
})

const APP = `${FULL}\ndigest = "18:30"\n[push.webpush]\ncontact = "mailto:admin@bix.org"\n${QUIET_STREAMS}`

test('is told at the app’s time to who has said nothing, on the phones of that app alone', async () => {
  using p = play({ toml: APP })
  await using phone = await phoneOf(p)
  const romeo = await muted(p)
  await speaks(p, romeo, 'one', 'two')
  await hours(p, 18)
  await phone.isSilent()
  await hours(p, 1)
  await phone.rings({ title: 'coven 2', body: 'New messages in muted rooms' })
  // The rest of its hour is looked through, and nothing is said twice.
  await speaks(p, romeo, 'three')
  await hours(p, 22)
  await phone.isSilent()
  await hours(p, 2)
  await phone.rings({ title: 'coven 1' })
})

test('comes in the hour of the person’s zone, and goes by the person’s own word before the app’s', async () => {
  const cases: [digest: unknown, quiet: unknown, hour: number | undefined][] = [
    [null, { from: '23:00', to: '06:00', zone: 'Asia/Tokyo' }, 10],
    [{ at: 'never' }, null, undefined],
    [{ at: '20:00' }, null, 20],
  ]
  for (const [wish, quiet, hour] of cases) {
    using p = play({ toml: APP })
    await using phone = await phoneOf(p)
    const romeo = await muted(p)
    const { body } = await doorOf(p)(
      'PUT',
      '/v1/me/push-settings',
      { quiet, unknown_senders: true, digest: wish },
      'juliet@bix.org',
    )
    expect(body.digest).toEqual(wish === null ? null : { ...(wish as object), zone: 'UTC' })
    await speaks(p, romeo, 'one')
    await hours(p, (hour ?? 25) - 1)
    await phone.isSilent()
    await hours(p, 1)
    if (hour === undefined) await phone.isSilent()
    else await phone.rings({ title: 'coven 1' })
  }
})

test('a device shows when it is told; a muted one is not, and its verdict says why', async () => {
  using p = play({ toml: APP })
  await using phone = await phoneOf(p)
  const romeo = await muted(p)
  const door = doorOf(p)
  const devices = await door('GET', '/v1/me/devices', undefined, 'juliet@bix.org')
  expect(devices.body.items).toMatchObject([{ digest: '18:30 UTC' }])
  const [{ id }] = devices.body.items as [{ id: string }]
  await door('PATCH', `/v1/me/devices/${id}`, { muted: true }, 'juliet@bix.org')
  await speaks(p, romeo, 'one')
  await hours(p, 19)
  await phone.isSilent()
  expect(await explain(p)).toContain('not rung: its person has muted the device')
})
