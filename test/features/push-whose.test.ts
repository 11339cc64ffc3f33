/** Whose phone it is: which session is the one of a registration, where the app has told by HTTP, or shares its name. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Actor } from '../support/actor.ts'
import { type Asks, doorOf } from '../support/door.ts'
import { type Phone, phoneOf } from '../support/phone.ts'
import { acks, chat, enableOf, leaves, manages, passes, PUSH, says, settle } from '../support/phones.ts'
import { restarted, resumes } from '../support/sm.ts'
import { type Play, play } from '../support/world.ts'

const JULIET = 'juliet@bix.org'
const AGENT = 'd4565fa7-4d72-4749-b3d3-740edbf87770'
const DEVICES = '/v1/me/devices'
const tokenOf = (n: number) => String(n).repeat(64)
const posts = (asks: Asks, n: number, more: object = {}) =>
  asks('POST', DEVICES, { token: tokenOf(n), ...more }, JULIET)
/** Which of juliet's phones have rung, and how often. */
async function rung(phone: Phone): Promise<number[]> {
  const all: number[] = []
  for (const n of [1, 2, 3])
    for (const { as } of await phone.other(n).shows()) if (as !== 'number') all.push(n)
  return all
}

/** Juliet's account, and romeo. */
async function begins(toml = PUSH) {
  const p = play({ toml })
  await p.account(JULIET)
  return { p, asks: doorOf(p), romeo: await p.online('romeo@bix.org/orchard') }
}

async function opens(p: Play, resource: string, n?: number): Promise<Actor> {
  const app = await p.online(`${JULIET}/${resource}`)
  if (n !== undefined) await app.asks('set', enableOf(n))
  await app.settles()
  return app
}

/** A message comes while the app is there, which shows that it has it and closes. */
async function isShown(p: Play, app: Actor, romeo: Actor, inactive = false): Promise<void> {
  if (inactive) app.sends(`<inactive xmlns='urn:xmpp:csi:0'/>`)
  await says(romeo, chat('hist!'))
  await app.settles()
  await leaves(p, app)
  await passes(p, 120_000)
}

describe('case C16: a device registered by HTTP is the session of its app', () => {
  const ways: readonly [string, object, boolean][] = [
    ['named by its resource, before the app connects', { resource: 'balcony' }, true],
    ['named by its resource, while it is open', { resource: 'balcony' }, false],
    ['the next session that begins', {}, true],
    ['the only session that is there', {}, false],
  ]
  for (const [what, more, before] of ways)
    for (const inactive of [false, true])
      test(`${what}${inactive ? ', in the background' : ''}: what it has shown does not ring`, async () => {
        const { p, asks, romeo } = await begins()
        using _ = p
        await using phone = await phoneOf(p)
        if (before) expect((await posts(asks, 1, more)).status).toBe(200)
        const app = await opens(p, 'balcony')
        if (!before) expect((await posts(asks, 1, more)).status).toBe(200)
        await settle(p)
        await isShown(p, app, romeo, inactive)
        expect(await rung(phone)).toEqual([])
        // Away it rings.
        await says(romeo, chat('again'))
        expect(await rung(phone)).toEqual([1])
      })

  test('named by its user-agent id, whatever its resource', async () => {
    const { p, asks, romeo } = await begins()
    using _ = p
    await using phone = await phoneOf(p)
    await posts(asks, 1, { user_agent_id: AGENT })
    const app = await opens(p, 'any')
    const [session] = p.world.sessions.of(JULIET)
    if (session) session.agent = { id: AGENT, software: undefined, device: undefined }
    await isShown(p, app, romeo)
    expect(await rung(phone)).toEqual([])
  })

  test('a session that is another device’s is not its: it rings once nobody has read', async () => {
    const { p, asks, romeo } = await begins()
    using _ = p
    await using phone = await phoneOf(p)
    const tablet = await opens(p, 'tablet', 2)
    await posts(asks, 1)
    await isShown(p, tablet, romeo)
    expect(await rung(phone)).toEqual([1])
  })

  test('of two sessions nobody knows which, and of two devices neither: both ring once nobody has read', async () => {
    const { p, asks, romeo } = await begins()
    using _ = p
    await using phone = await phoneOf(p)
    const app = await opens(p, 'one')
    const other = await opens(p, 'two')
    await posts(asks, 1)
    await says(romeo, chat('hist!'))
    for (const actor of [app, other]) await actor.settles()
    await passes(p, 120_000)
    expect(await rung(phone)).toEqual([1])
  })

  test('registered again without a word, the app keeps what was said by whichever door', async () => {
    const { p, asks, romeo } = await begins()
    using _ = p
    await using phone = await phoneOf(p)
    await leaves(p, await opens(p, 'phone', 1))
    await p.online(`${JULIET}/desk`)
    await posts(asks, 1)
    await posts(asks, 2, { resource: 'pad' })
    await posts(asks, 2)
    const app = await opens(p, 'phone')
    await isShown(p, app, romeo)
    expect(await rung(phone)).toEqual([2])
  })

  test('a resource that cannot be is refused, and the field is named', async () => {
    const { p, asks } = await begins()
    using _ = p
    expect(await posts(asks, 1, { resource: 'a\u0000b' })).toMatchObject({
      status: 422,
      body: { errors: [{ field: 'resource' }] },
    })
    expect((await posts(asks, 1, { resource: 'x'.repeat(1024) })).status).toBe(422)
  })

  test('explain says which session a device is, and whether it is there', async () => {
    const { p, asks } = await begins()
    using _ = p
    await posts(asks, 1, { resource: 'balcony' })
    await posts(asks, 2)
    const explained = async () => (await asks('GET', `/v1/push/explain?jid=${JULIET}`)).body
    expect(await explained()).toMatchObject({
      devices: [
        { session: 'balcony', connected: null },
        { session: null, connected: null },
      ],
    })
    await opens(p, 'balcony')
    const { devices, findings } = await explained()
    expect(devices).toMatchObject([{ connected: 'balcony: active' }, { connected: null }])
    expect(findings).toContain('Device 1 is balcony: what that has shown does not ring there.')
  })
})

describe('case C15: two phones that bear one name', () => {
  for (const name of ['iPhone', 'iPad'])
    test(`the second is open as ${name}, the first is closed: it rings once nobody has read`, async () => {
      const { p, romeo } = await begins()
      using _ = p
      await using phone = await phoneOf(p)
      await opens(p, name, 1)
      const second = await opens(p, name, 2)
      await settle(p)
      await says(romeo, chat('hist!'))
      await second.settles()
      expect(await rung(phone)).toEqual([])
      await passes(p, 120_000)
      expect(await rung(phone)).toEqual([1])
    })

  test('what the second has read does not ring the first', async () => {
    const { p, romeo } = await begins()
    using _ = p
    await using phone = await phoneOf(p)
    await leaves(p, await opens(p, 'iPhone', 1))
    const second = await opens(p, 'iPhone', 2)
    await says(romeo, chat('hist!'))
    await says(second, `<message to='romeo@bix.org' type='chat' id='a'><body>who is there?</body></message>`)
    await passes(p, 120_000)
    expect(await rung(phone)).toEqual([])
  })

  test('the first is back and says that it is: now the second rings', async () => {
    const { p, romeo } = await begins()
    using _ = p
    await using phone = await phoneOf(p)
    await leaves(p, await opens(p, 'iPhone', 1))
    await leaves(p, await opens(p, 'iPhone', 2))
    const first = await opens(p, 'iPhone', 1)
    await says(romeo, chat('hist!'))
    await first.settles()
    await passes(p, 120_000)
    expect(await rung(phone)).toEqual([2])
  })

  test('one of them is back and does not say which: both ring once nobody has read, and none is forgotten', async () => {
    const { p, romeo } = await begins()
    using _ = p
    await using phone = await phoneOf(p)
    for (const n of [1, 2, 3]) await leaves(p, await opens(p, 'iPhone', n))
    const one = await opens(p, 'iPhone')
    await says(romeo, chat('hist!'))
    await one.settles()
    await passes(p, 29_000)
    expect(await rung(phone)).toEqual([])
    await passes(p, 120_000)
    expect(await rung(phone)).toEqual([1, 2, 3])
  })

  test('a node that both call the same is not one registration', async () => {
    const { p, romeo } = await begins()
    using _ = p
    await using phone = await phoneOf(p)
    const enable = (n: number) =>
      `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='org.bix.chat'><x xmlns='jabber:x:data' type='submit'>` +
      `<field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>` +
      `<field var='token'><value>${tokenOf(n)}</value></field></x></enable>`
    for (const n of [1, 2]) {
      const phone = await opens(p, 'iPhone')
      await phone.asks('set', enable(n))
      await leaves(p, phone)
    }
    await says(romeo, chat('hist!'))
    expect(await rung(phone)).toEqual([1, 2])
  })

  test('by HTTP as well: each is the session that follows', async () => {
    const { p, asks, romeo } = await begins()
    using _ = p
    await using phone = await phoneOf(p)
    await posts(asks, 1, { resource: 'iPhone' })
    await leaves(p, await opens(p, 'iPhone'))
    await posts(asks, 2, { resource: 'iPhone' })
    const second = await opens(p, 'iPhone')
    await settle(p)
    await says(romeo, chat('hist!'))
    await second.settles()
    await passes(p, 120_000)
    expect(await rung(phone)).toEqual([1])
  })

  test('after an orderly restart a session is still the one that it was', async () => {
    let id = ''
    await restarted(
      async (p) => {
        await leaves(p, await opens(p, 'iPhone', 1))
        const second = await opens(p, 'iPhone', 2)
        await p.online('romeo@bix.org/orchard')
        id = await manages(second)
      },
      async (p) => {
        await using phone = await phoneOf(p)
        const back = await resumes(p, JULIET, id, '1')
        const romeo = await p.bound('romeo@bix.org/orchard')
        await says(romeo, chat('hist!'))
        await acks(back, 2)
        await passes(p, 120_000)
        expect(await rung(phone)).toEqual([1])
      },
      PUSH,
    )
  })
})

/** Phones of one name, one of which may be open; what each has said is all that is known. */
test('random stories of phones that bear one name: who is not surely open rings once for each message', async () => {
  const step = fc.record({
    act: fc.constantFrom('opens', 'opens', 'leaves', 'writes', 'writes'),
    phone: fc.integer({ min: 1, max: 3 }),
    enables: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
      const { p, romeo } = await begins()
      using _ = p
      await using first = await phoneOf(p)
      const phones = [1, 2, 3].map((n) => [n, first.other(n)] as const)
      const registered = new Set<number>()
      let open: { readonly app: Actor; readonly phone: number; readonly said: boolean } | undefined
      for (const [i, { act, phone, enables }] of steps.entries()) {
        if (act === 'opens') {
          // The resource goes to whoever binds it last.
          open = {
            app: await opens(p, 'iPhone', enables ? phone : undefined),
            phone,
            said: enables,
          }
          if (enables) registered.add(phone)
        } else if (act === 'leaves' && open) {
          await leaves(p, open.app)
          open = undefined
        } else if (act === 'writes') {
          await says(romeo, chat(`m${i}`))
          await open?.app.settles()
          await passes(p, 120_000)
          const isOwn = (n: number) => open && (open.said ? n === open.phone : registered.size === 1)
          for (const [n, one] of phones) {
            const rang = (await one.shows()).filter(({ as }) => as !== 'number')
            expect(rang).toHaveLength(registered.has(n) && !isOwn(n) ? 1 : 0)
          }
        }
      }
    }),
    { numRuns: Number(process.env.PUSH_RUNS ?? 25) },
  )
}, 3_600_000)
