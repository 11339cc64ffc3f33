/** Broadcast channels of Live Activities, at the stand-in for Apple. */
import { expect, test } from 'bun:test'
import { ApnsChannels } from '../../src/push/apns/channels.ts'
import { senderTo, startApple, TOPIC } from '../support/apns.ts'

const OF = { topic: TOPIC, environment: 'production' } as const
const update = { event: 'update', timestamp: 1_700_000_000, 'content-state': { goals: 1 } }

const refusal = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => undefined,
    (error: unknown) => error,
  )

test('a channel is made, listed, shown, pushed to and deleted', async () => {
  const apple = await startApple()
  const sender = senderTo(apple)
  try {
    const channels = new ApnsChannels(sender)
    const one = await channels.create(OF, 'newest')
    const other = await channels.create(OF, 'none')
    expect(await channels.list(OF)).toEqual([one, other])
    expect([await channels.show(OF, one), await channels.show(OF, other)]).toEqual(['newest', 'none'])
    const push = { channel: one, aps: update, priority: 5, expiration: 2_000_000_000, apnsId: 'a' } as const
    await channels.send(OF, push)
    const [got] = apple.received
    expect(got).toMatchObject({ status: 200, payload: { aps: update } })
    expect(got?.headers).toMatchObject({
      ':path': `/4/broadcasts/apps/${TOPIC}`,
      'apns-channel-id': one,
      'apns-push-type': 'liveactivity',
      'apns-priority': '5',
      'apns-expiration': '2000000000',
    })
    await channels.delete(OF, one)
    expect(await channels.list(OF)).toEqual([other])
    expect(await refusal(channels.send(OF, push))).toMatchObject({
      message: 'Apple answered 400 ChannelNotRegistered.',
    })
  } finally {
    await sender.stop(100)
    await apple.close()
  }
})

test('a long list is read whole, and what Apple refuses or does not answer is told', async () => {
  const apple = await startApple()
  const sender = senderTo(apple)
  const channels = new ApnsChannels(sender)
  const made: string[] = []
  for (let i = 0; i < 300; i++) made.push(await channels.create(OF, 'none'))
  expect(await channels.list(OF)).toEqual(made)
  expect(await refusal(channels.delete(OF, 'bm9uZQ=='))).toMatchObject({
    status: 400,
    reason: 'ChannelNotRegistered',
  })
  expect(await refusal(channels.list({ ...OF, topic: 'org.other' }))).toMatchObject({
    status: 0,
    reason: 'AppNotConfigured',
  })
  await apple.close()
  expect(await refusal(channels.list(OF))).toMatchObject({ status: 0, reason: undefined })
  await sender.stop(100)
})
