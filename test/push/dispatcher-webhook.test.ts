/** The outbox on its way to the webhook. */
import { describe, expect, test } from 'bun:test'
import type { Provider } from '../../src/push/outbox/provider.ts'
import { Webhook } from '../../src/push/webhook/webhook.ts'
import { systemClock } from '../../src/store/clock.ts'
import {
  account,
  outbox,
  dispatcher,
  juliet,
  open,
  queue,
  run,
  store,
  until,
  explained,
  resting,
} from './outbox.ts'

outbox()

describe('the webhook', () => {
  /** Refuses each message as often as told before it takes it. */
  function server(answer: (body: string, tries: number) => number): { provider: Provider; taken: string[] } {
    const tries = new Map<string, number>()
    const taken: string[] = []
    const http = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: async (request) => {
        const { stanza_id: id } = (await request.json()) as { stanza_id: string }
        const seen = (tries.get(id) ?? 0) + 1
        tries.set(id, seen)
        const status = answer(id, seen)
        if (status === 200) taken.push(id)
        return new Response('', { status })
      },
    })
    open.push(() => http.stop(true))
    const url = `http://127.0.0.1:${http.port}/`
    const provider = new Webhook({
      url,
      format: 'json',
      allowPrivate: true,
      timeoutMs: 2_000,
      clock: systemClock,
    })
    return { provider, taken }
  }

  test('gets the messages of one account in order, whatever fails between', async () => {
    const { provider, taken } = server((_id, tries) => (tries < 3 ? 503 : 200))
    dispatcher({ webhook: provider })
    const ids = ['m1', 'm2', 'm3', 'm4']
    for (const id of ids) await queue(undefined, id)
    expect(await explained(4)).toEqual(ids.map((messageId) => `${messageId} sent`))
    expect(taken).toEqual(ids)
  })

  test('keeps what was refused for good or has expired, and goes on with the next', async () => {
    const { provider, taken } = server((id) => ({ m1: 404, m2: 503 })[id] ?? 200)
    dispatcher({ webhook: provider })
    await queue(undefined, 'm1')
    await queue(undefined, 'm2', { ttl: 100 })
    await queue(undefined, 'm3')
    expect(await explained(3)).toEqual(['m1 dropped: status 404', 'm2 dropped: Expired', 'm3 sent'])
    expect(taken).toEqual(['m3'])
    expect(store.push.counts()).toEqual({ queued: 0, held: 0, dead: 2 })
  })
})

test('events of an account are told in order with its messages, given up ones are kept and told by a replay', async () => {
  let open = false
  const taken: string[] = []
  const http = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: async (request) => {
      const { event, stanza_id } = (await request.json()) as { event: string; stanza_id?: string }
      if (event === 'account.enabled' && !open) return new Response('', { status: 410 })
      if (event === 'account.disabled' && !open && taken.length === 1) {
        open = true
        return new Response('', { status: 503 })
      }
      taken.push(stanza_id ?? event)
      return new Response('')
    },
  })
  const provider = new Webhook({
    url: `http://127.0.0.1:${http.port}/`,
    format: 'json',
    allowPrivate: true,
    timeoutMs: 2_000,
    clock: systemClock,
  })
  store.events.terms = () => ({
    names: ['account.enabled', 'account.disabled', 'account.deleted'],
    keep: 60_000,
    most: 0,
  })
  dispatcher({ webhook: provider })
  await run(() => store.events.tell('account.enabled', juliet.id))
  await queue(undefined, 'm1')
  await run(() => store.accounts.setDisabled(juliet, true))
  await run(() => store.accounts.delete(juliet))
  await until(() => taken.length === 3)
  expect(taken).toEqual(['m1', 'account.disabled', 'account.deleted'])
  await until(() => store.push.counts().queued === 0)
  expect(store.push.counts()).toEqual({ queued: 0, held: 0, dead: 1 })
  expect(store.pushReports.dead(0, 10)).toMatchObject([{ kind: 'account.enabled', jid: 'juliet@bix.org' }])
  await run(() => store.deadLetters.replay(10, Date.now(), Date.now() + 60_000))
  await until(() => taken.length === 4)
  expect(taken[3]).toBe('account.enabled')
  await http.stop(true)
})

test('a webhook at a private address is tried for one account, and rests for all', async () => {
  let asked = 0
  const webhook = new Webhook({
    url: 'http://hook.example/',
    format: 'json',
    allowPrivate: false,
    timeoutMs: 1_000,
    clock: systemClock,
    resolve: () => {
      asked++
      return Promise.resolve(['10.0.0.1'])
    },
  })
  const sending = dispatcher({ webhook })
  await queue(undefined, 'm1')
  await until(() => resting(sending).length === 1)
  await queue(undefined, 'm2', { account: await account('romeo@bix.org') })
  await until(() => resting(sending).length === 2)
  expect(asked).toBe(1)
})
