/** A second kind of device with a provider of its own: nothing of the server is changed for it. */
import { describe, expect, test } from 'bun:test'
import { kindOf } from '../../src/push/registration/kinds.ts'
import type { Provider, Result } from '../../src/push/outbox/provider.ts'
import { noticeOf } from '../../src/push/rules/notice.ts'
import type { Device } from '../../src/store/devices.ts'
import type { Job } from '../../src/store/push.ts'
import {
  apns,
  device,
  dispatcher,
  juliet,
  open,
  outbox,
  queue,
  run,
  sim,
  store,
  until,
  explained,
  resting,
} from './outbox.ts'

/** Not hexadecimal, longer than any token, and of no environment. */
const ADDRESS = `https://pager.example/${'ä/'.repeat(500)}?n=1`

outbox()

/** A pager with an address like that of a web push; it may have an environment of its own. */
const pager = (n = 1, environment?: string): Promise<Device> =>
  device(n, { kind: 'pager', topic: 'pager.example', assumed: '', environment, address: `${ADDRESS}${n}` })

/** Takes what it is given and answers from `script`, then with success. */
function paging(...script: Result[]) {
  const asked: Job[] = []
  const provider: Provider = {
    name: 'pager',
    concurrency: 10,
    laneConcurrency: 10,
    ordered: false,
    replayable: false,
    lane: (job) => `pager ${job.device?.topic ?? ''}`,
    send(job, leaves) {
      const stays = leaves()
      if (stays) return Promise.resolve(stays)
      asked.push({ ...job })
      return Promise.resolve(script.shift() ?? { is: 'sent' })
    },
    stop: () => Promise.resolve(),
  }
  return { provider, asked }
}

const row = (id: number) => store.push.devices.get(id)

describe('a push goes to the provider of its device’s kind', () => {
  test('each to its own, the webhook’s to the webhook', async () => {
    const { provider, asked } = paging()
    const { provider: webhook, asked: told } = paging()
    dispatcher({ providers: { apns: apns(), pager: provider }, webhook })
    await queue(await device(1), 'm1')
    await queue(await pager(), 'm2')
    await queue(undefined, 'm3')
    await explained(3)
    expect(sim.received.map(({ collapseId }) => collapseId)).toEqual(['m1'])
    expect(asked.map(({ messageId, device: to }) => [messageId, to?.address])).toEqual([
      ['m2', `${ADDRESS}1`],
    ])
    expect(told.map(({ messageId }) => messageId)).toEqual(['m3'])
  })

  for (const kind of ['fax', 'toString', '__proto__'])
    test(`of a kind that nobody serves (${kind}) it is dropped, and others go on`, async () => {
      dispatcher({ providers: { apns: apns() } })
      await queue(await device(2, { kind, address: 'anything' }), 'm1')
      await queue(await device(1), 'm2')
      expect((await explained(2)).sort()).toEqual(['m1 dropped: NotConfigured', 'm2 sent'])
    })
})

describe('its results count as Apple’s do', () => {
  test('it is tried again, always as the same push', async () => {
    const { provider, asked } = paging({ is: 'retry', reason: 'Busy' }, { is: 'retry', reason: 'Busy' })
    dispatcher({ providers: { pager: provider } })
    await queue(await pager(), 'm1')
    expect(await explained(1)).toEqual(['m1 sent'])
    expect([asked.length, new Set(asked.map(({ pushId }) => pushId)).size]).toEqual([3, 1])
  })

  test('an environment is learned in its own word, unless the app has said one', async () => {
    const learned: Result = { is: 'sent', environment: 'eu-west' }
    const { provider } = paging(learned, learned)
    dispatcher({ providers: { pager: provider } })
    const [open, pinned] = [await pager(1), await pager(2, 'us-east')]
    expect([open.environment, pinned.environment]).toEqual(['', 'us-east'])
    await queue(open, 'm1')
    await queue(pinned, 'm2')
    await explained(2)
    expect([row(open.id)?.environment, row(pinned.id)?.environment]).toEqual(['eu-west', 'us-east'])
  })

  test('a dead address takes its device along, and not one of another kind that is called the same', async () => {
    const { provider } = paging({ is: 'forget', reason: 'Gone', since: Date.now() + 60_000 })
    dispatcher({ providers: { pager: provider } })
    const phone = await device(1, { topic: 'pager.example', address: `${ADDRESS}1` })
    const gone = await pager()
    await queue(gone, 'm1')
    expect(await explained(1)).toEqual(['m1 forgotten: Gone'])
    expect([row(gone.id), row(phone.id)?.address]).toEqual([undefined, `${ADDRESS}1`])
  })

  test('what can never succeed is a dropped push, and a letter that may be sent again where it is kept', async () => {
    const drop: Result = { is: 'drop', reason: 'TooLong' }
    const { provider } = paging(drop)
    dispatcher({ providers: { pager: provider, letter: { ...paging(drop).provider, replayable: true } } })
    const phone = await pager()
    await queue(phone, 'm1')
    expect(await explained(1)).toEqual(['m1 dropped: TooLong'])
    await until(() => row(phone.id)?.lastReason === 'TooLong')
    await queue(await device(3, { kind: 'letter', address: 'P.O. box' }), 'm2')
    await until(() => store.pushReports.deadCount() === 1)
  })

  test('its lane rests alone, and goes on when it is told to', async () => {
    const { provider, asked } = paging({ is: 'pause', reason: 'NoPaper', operator: true })
    const sending = dispatcher({ providers: { apns: apns(), pager: provider } })
    await queue(await pager(), 'm1')
    await until(() => resting(sending).length === 1)
    await queue(await device(1), 'm2')
    expect(await explained(1)).toEqual(['m2 sent'])
    sending.resume()
    expect(await explained(2)).toEqual(['m2 sent', 'm1 sent'])
    expect(asked.length).toBe(2)
  })

  test('a phone that is too busy waits, one of another kind with its address does not', async () => {
    const { provider } = paging({ is: 'retry', reason: 'Slower', whole: true, afterMs: 3_600_000 })
    const { provider: other, asked } = paging()
    dispatcher({ providers: { pager: provider, fax: other } })
    const busy = await pager()
    await queue(busy, 'm1')
    await until(() => store.push.waiting(0, 10)[0]?.attempts === 1)
    await queue(await device(1, { kind: 'fax', topic: busy.topic, address: busy.address }), 'm2')
    expect(await explained(1)).toEqual(['m2 sent'])
    expect(asked.length).toBe(1)
  })

  test('a stop waits for it, and what it has not taken is due at the next start', async () => {
    const { provider, asked } = paging()
    await queue(await pager(), 'm1')
    const first = dispatcher({
      providers: { pager: { ...provider, send: () => new Promise(() => undefined) } },
    })
    await first.stop(1)
    open.pop()
    dispatcher({ providers: { pager: provider } })
    expect(await explained(1)).toEqual(['m1 sent'])
    expect(asked.length).toBe(1)
  })
})

describe('registrations', () => {
  test('the most that an account may have is counted by kind', async () => {
    const add = (kind: string, n: number) =>
      run(() =>
        store.push.devices.enable(juliet.id, { kind, topic: 't', assumed: '', address: `${kind}${n}` }, n, 2),
      )
    for (const n of [1, 2, 3]) for (const kind of ['apns', 'pager']) await add(kind, n)
    const left = store.push.devices.of(juliet.id).map(({ address }) => address)
    expect(left.toSorted()).toEqual(['apns2', 'apns3', 'pager2', 'pager3'])
  })

  test('a kind knows how its addresses look', () => {
    const { readAddress, environments } = kindOf('apns')
    expect([readAddress(`<${'0A '.repeat(32)}>`, 'token'), environments]).toEqual([
      '0a'.repeat(32),
      ['production', 'sandbox'],
    ])
    for (const bad of ['', 'ab', 'zz'.repeat(32), 'a'.repeat(33), 'ab'.repeat(201), ADDRESS])
      expect(() => readAddress(bad, 'token')).toThrow(/token: a device token/)
    expect(() => kindOf('pager')).toThrow(/kind: one of apns/)
  })
})

test('a notice is put together before any service’s words', () => {
  const said = { sender: 'romeo@bix.org', title: 'Romeo', nick: null, body: 'wherefore', badge: 3 }
  expect(noticeOf({ kind: 'body', ...said }, { body: 'full' }, {})).toEqual({
    kind: 'message',
    title: 'Romeo',
    subtitle: undefined,
    body: 'wherefore',
    phrase: { text: 'New message', key: 'BELFRY_MESSAGE' },
    thread: 'romeo@bix.org',
    urgency: 'high',
    level: undefined,
    badge: 3,
    sound: 'default',
  })
  expect(noticeOf({ kind: 'call-ended', ...said }, { body: 'none' }, { importance: 'normal' })).toMatchObject(
    {
      title: undefined,
      body: undefined,
      phrase: { text: 'Call ended' },
      thread: undefined,
      urgency: 'normal',
      level: 'passive',
      sound: undefined,
    },
  )
})
