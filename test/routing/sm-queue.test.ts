import { expect, test } from 'bun:test'
import { SmQueue } from '../../src/features/sm/queue.ts'
import { xml } from '../../src/xmpp/xml.ts'

test('XEP-0198 §4, case 57: both counters go round at 2³²', () => {
  const queue = new SmQueue({ id: 'a', max: 0, base: 10, acked: 2 ** 32 - 2 })
  const sent = ['1', '2', '3', '4'].map((id) => xml('message', { id }))
  queue.waiting = [...sent]
  expect(queue.take(2 ** 32 - 1)).toEqual(sent.slice(0, 1))
  expect(queue.take(1)).toEqual(sent.slice(1, 3))
  // A count from before the round says nothing new, and one beyond what was sent is a lie.
  expect(queue.take(2 ** 32 - 1)).toEqual([])
  expect(queue.take(3)).toBeUndefined()
  expect(queue.take(2)).toEqual(sent.slice(3))
  expect([queue.handled(2 ** 32 + 9), queue.handled(2 ** 32 + 10)]).toEqual([2 ** 32 - 1, 0])
})
