/** Wishes of a person for one of several devices: muted, quiet hours of its own, and what rings through them. */
import { describe, expect, test } from 'bun:test'
import { doorOf } from '../support/door.ts'
import { explain, phoneOf } from '../support/phone.ts'
import { cast, chat, deskInUse, enableOf, leaves, passes, PUSH, says } from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'

// The plays begin at midnight, UTC.
const NIGHT = { from: '00:00', to: '07:00', zone: 'UTC' }
const ELSEWHERE = { from: '00:00', to: '07:00', zone: 'Asia/Tokyo' }
const call = (sid: string) =>
  `<message to='juliet@bix.org' type='chat' id='${sid}'><propose xmlns='urn:xmpp:jingle-message:0' id='${sid}'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose></message>`

/** Changes the nth of juliet's devices, as she does it in her app. */
async function wishes(p: Play, body: unknown, n = 1) {
  const ask = doorOf(p)
  const { items } = (await ask('GET', '/v1/me/devices', undefined, 'juliet@bix.org')).body
  const ids = (items as { id: string }[]).map(({ id }) => id).sort()
  return ask('PATCH', `/v1/me/devices/${ids[n - 1]}`, body, 'juliet@bix.org')
}

describe('one of two phones', () => {
  const rows: [wish: object, why: string][] = [
    [{ muted: true }, 'not rung: its person has muted the device'],
    [{ quiet: NIGHT }, 'not rung: it came in the device’s own quiet hours'],
  ]
  for (const [wish, why] of rows)
    test(`${JSON.stringify(wish)}: it stays quiet, the other rings`, async () => {
      using p = play({ toml: PUSH })
      await using phone = await phoneOf(p)
      const { romeo } = await cast(p, ['phone', 'pad'])
      expect((await wishes(p, wish)).status).toBe(200)
      await says(romeo, chat('hist!'))
      await phone.isSilent()
      await phone.other(2).rings({ from: 'romeo@bix.org' })
      expect(await explain(p)).toEqual([why])
    })

  test('hours of another zone are not the present ones, and what ended rings again', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    const until = new Date(p.clock.now() + 60_000).toISOString()
    await wishes(p, { quiet: ELSEWHERE, muted: true, muted_until: until })
    await says(romeo, chat('hist!'))
    await phone.isSilent()
    await passes(p, 60_000)
    await says(romeo, chat('again'))
    await phone.rings({ from: 'romeo@bix.org' })
  })
})

describe('through quiet hours', () => {
  test('a call rings where the device lets calls through, a message does not', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    await wishes(p, { quiet: NIGHT, quiet_lets_through: ['calls'] })
    await says(romeo, chat('hist!'))
    await phone.isSilent()
    await says(romeo, call('c1'))
    await phone.rings({ sid: 'c1' })
    await wishes(p, { quiet_lets_through: [] })
    await says(romeo, call('c2'))
    await phone.isSilent()
  })

  test('the same holds for the account’s quiet hours, and a muted device rings for nobody', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    const settings = { quiet: NIGHT, unknown_senders: true }
    await doorOf(p)('PUT', '/v1/me/push-settings', settings, 'juliet@bix.org')
    await wishes(p, { quiet_lets_through: ['calls', 'mentions'] })
    await says(romeo, call('c1'))
    await phone.rings({ sid: 'c1' })
    await wishes(p, { muted: true })
    await says(romeo, call('c2'))
    await phone.isSilent()
  })
})

test('what waits for another device hears of the night that began meanwhile', async () => {
  using p = play({ toml: PUSH })
  await using phone = await phoneOf(p)
  const { romeo, desk } = await deskInUse(p)
  await says(romeo, chat('hist!'), desk)
  await wishes(p, { quiet: NIGHT })
  await passes(p, 30_000)
  await phone.isSilent()
  expect((await explain(p)).at(-1)).toBe(
    'taken back before it was sent: it came in the device’s own quiet hours',
  )
})

test('wishes outlive the app’s next registration, and null takes them back', async () => {
  using p = play({ toml: PUSH })
  await cast(p)
  await wishes(p, { muted: true, locale: 'de', quiet: NIGHT, quiet_lets_through: ['mentions'] })
  const app = await p.online('juliet@bix.org/phone')
  await app.asks('set', enableOf(1))
  await leaves(p, app)
  const kept = {
    muted: true,
    muted_until: null,
    locale: 'de',
    quiet: NIGHT,
    quiet_lets_through: ['mentions'],
  }
  expect((await wishes(p, {})).body).toMatchObject(kept)
  const { body } = await wishes(p, { muted: false, locale: null, quiet: null, quiet_lets_through: [] })
  expect(body).toMatchObject({ muted: false, locale: null, quiet: null, quiet_lets_through: [] })
})

test('what is no wish is refused, and nobody changes another’s device', async () => {
  using p = play({ toml: PUSH })
  await cast(p)
  const bad = [
    { muted: 'yes' },
    { muted_until: '2030-01-01T00:00:00Z' },
    { muted: true, muted_until: 'tomorrow' },
    { quiet: { from: '7', to: '24:00', zone: 'UTC' } },
    { quiet: { from: '07:00', to: '08:00', zone: 'Mars/Olympus' } },
    { quiet_lets_through: ['everything'] },
    { locale: 'not a language' },
    { other: 1 },
  ]
  for (const body of bad) expect((await wishes(p, body)).status).toBe(422)
  await p.online('romeo@bix.org/orchard')
  const foreign = await doorOf(p)('PATCH', '/v1/me/devices/1', { muted: true }, 'romeo@bix.org')
  expect(foreign).toMatchObject({ status: 404, body: { code: 'no-such-device' } })
})
