/** What a restart of the server must not forget: who has not shown to have a message, and what was read meanwhile. */
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Actor } from '../support/actor.ts'
import { FakeClock } from '../support/clock.ts'
import { explain, phoneOf } from '../support/phone.ts'
import {
  acks,
  atDesk,
  cast,
  chat,
  count,
  leaves,
  manages,
  passes,
  PUSH,
  says,
  settle,
  silentPhone,
} from '../support/phones.ts'
import { resumes, restarted } from '../support/sm.ts'
import { type Play, play } from '../support/world.ts'

const OPEN = 'not rung: a connected app took the message'
const MARK = `<message to='romeo@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='hist!'/></message>`

test('a call that was proposed before a restart and is taken back after it does not ring', async () => {
  const call = (name: string) =>
    `<message to='juliet@bix.org' type='chat' id='${name}'><${name} xmlns='urn:xmpp:jingle-message:0' id='sid1'/><store xmlns='urn:xmpp:hints'/></message>`
  await restarted(
    async (p) => {
      const { romeo } = await cast(p)
      await says(romeo, call('propose'))
    },
    async (p) => {
      await using phone = await phoneOf(p, { reached: false })
      const romeo = await p.bound('romeo@bix.org/orchard')
      await says(romeo, call('retract'))
      phone.isReached()
      await phone.rings({ body: 'Missed call' })
      expect(await explain(p)).toContain(
        'taken back before it was sent: A call was answered elsewhere or withdrawn',
      )
    },
    PUSH,
  )
})

/** Her phone is in a tunnel when it comes. */
async function inTunnel(p: Play): Promise<string> {
  const { romeo, id } = await silentPhone(p)
  await says(romeo, chat('hist!'))
  expect(await explain(p)).toEqual([OPEN])
  return id
}

test('XEP-0198 §5: who has not come back after a restart of the server is rung like who has not before it', async () => {
  await restarted(
    async (p) => void (await inTunnel(p)),
    async (p) => {
      await using phone = await phoneOf(p)
      await passes(p, 9_000)
      await phone.isSilent()
      await passes(p, 2_000)
      await phone.rings({})
      await passes(p, 60_000)
      await phone.isSilent()
    },
    PUSH,
  )
})

test('XEP-0198 §5: who comes back in time after a restart of the server is not rung', async () => {
  let id = ''
  await restarted(
    async (p) => void (id = await inTunnel(p)),
    async (p) => {
      await using phone = await phoneOf(p)
      await resumes(p, 'juliet@bix.org', id, '2')
      await passes(p, 60_000)
      await phone.isSilent()
    },
    PUSH,
  )
})

for (const orderly of [true, false])
  test(`what was read at the desk does not ring after ${orderly ? 'a restart' : 'a crash'} either, and is not unread again`, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'belfry-read-'))
    let file = join(dir, 'belfry.db')
    try {
      const clock = new FakeClock()
      {
        using p = play({ file, toml: PUSH, clock })
        const { romeo } = await silentPhone(p)
        const early = await atDesk(p)
        await says(early, MARK)
        await leaves(p, early)
        await says(romeo, chat('hist!'))
        expect(count(p)).toBe(1)
        // What the phone has taken the desk finds in the archive.
        await says(await atDesk(p), MARK)
        expect([await explain(p), count(p)]).toEqual([[OPEN], 0])
        if (orderly) p.stop()
        else file = p.crash()
      }
      using p = play({ file, toml: PUSH, clock: new FakeClock(clock.now() + 1_000) })
      await using phone = await phoneOf(p)
      await passes(p, 60_000)
      await phone.isSilent()
      expect(count(p)).toBe(0)
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

/** What a client with stream management has got. */
const got = ({ heard }: Actor) => 1 + heard.filter(({ name }) => name !== 'r').length

for (const before of [true, false])
  test(`XEP-0198 §5: what the phone has acknowledged ${before ? 'before' : 'after'} a restart does not ring when another session ends`, async () => {
    let id = ''
    let h = 0
    await restarted(
      async (p) => {
        const { romeo, app, id: sm } = await silentPhone(p)
        id = sm
        await manages(await atDesk(p))
        await says(romeo, chat('hist!'))
        await settle(p)
        h = got(app)
        if (before) await acks(app, h)
      },
      async (p) => {
        await using phone = await phoneOf(p)
        if (!before) await resumes(p, 'juliet@bix.org', id, String(h))
        await p.bound('juliet@bix.org/desk')
        await settle(p)
        await passes(p, 60_000)
        await phone.isSilent()
      },
      PUSH,
    )
  })
