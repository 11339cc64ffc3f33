/** What may happen in one room a second, and the figures of rooms. */
import { expect, test } from 'bun:test'
import { exposition } from '../../../src/metrics/metrics.ts'
import { measureRooms } from '../../../src/rooms/figures.ts'
import { enters, hears, inside, ROOM, says } from '../../support/rooms.ts'
import { play } from '../../support/world.ts'

const limits = (text: string) => `[limits]\nstanzas_per_second = 0\nbytes_per_second = 0\n${text}`

test('limits.room_messages_per_second: what is too much is refused for a while, and nobody is cut off', async () => {
  using p = play({ toml: limits('room_messages_per_second = 1') })
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const juliet = await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await hears(romeo)
  for (let n = 0; n < 12; n++) says(romeo, `n${n}`)
  const heard = await hears(romeo)
  expect(heard.filter((line) => line.startsWith('Romeo:'))).toHaveLength(10)
  expect(heard.filter((line) => line === '! resource-constraint')).toHaveLength(2)
  // It is the room's pace, whoever speaks.
  says(juliet, 'too')
  expect(await hears(juliet)).toContain('! resource-constraint')
  p.clock.advance(1000)
  says(juliet, 'now')
  expect(await hears(juliet)).toEqual(['Juliet: now'])
})

test('limits.room_presences_per_second and room_joins_per_second: of one room, not of others', async () => {
  using p = play({ toml: limits('room_presences_per_second = 1\nroom_joins_per_second = 1') })
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  for (let n = 0; n < 11; n++) romeo.sends(`<presence to='${ROOM}/Romeo'><status>n${n}</status></presence>`)
  expect((await hears(romeo)).filter((line) => line === '! resource-constraint')).toHaveLength(1)
  const juliet = await p.online('juliet@bix.org/balcony')
  for (let n = 0; n < 11; n++) {
    await enters(juliet, 'Juliet')
    juliet.sends(`<presence to='${ROOM}/Juliet' type='unavailable'/>`)
  }
  expect((await hears(juliet)).filter((line) => line === '! resource-constraint')).toHaveLength(1)
  await enters(juliet, 'Juliet', '', 'heath@conference.bix.org')
  expect((await hears(juliet)).some((line) => line.startsWith('Juliet owner/moderator'))).toBe(true)
})

const figure = async (name: string): Promise<number> => {
  const { text } = await exposition()
  const line = text.split('\n').find((one) => one.startsWith(`belfry_${name} `))
  return Number(line?.split(' ').at(-1))
}

test('metrics: rooms, occupants, messages and their copies', async () => {
  using p = play()
  const before = { said: await figure('room_messages_total'), sent: await figure('room_deliveries_total') }
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await inside(p, 'juliet@bix.org/phone', 'Juliet')
  says(romeo, 'hark')
  await romeo.settles()
  measureRooms(p.world)
  expect(await figure('rooms{state="stored"}')).toBe(1)
  expect(await figure('rooms{state="occupied"}')).toBe(1)
  expect(await figure('room_occupants')).toBe(2)
  expect((await figure('room_messages_total')) - before.said).toBe(1)
  expect((await figure('room_deliveries_total')) - before.sent).toBe(3)
})
