import { expect, test } from 'bun:test'
import { child, childText } from '../../src/xmpp/xml.ts'
import { play } from '../support/world.ts'

test('XEP-0202 §2: the time in UTC, without fractions', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  p.clock.advance(1_234)
  const time = child(
    await romeo.asks('get', `<time xmlns='urn:xmpp:time'/>`, 'bix.org'),
    'time',
    'urn:xmpp:time',
  )
  expect(time && childText(time, 'utc')).toBe('2026-01-01T00:00:01Z')
  expect(time && childText(time, 'tzo')).toBe('+00:00')
})
