/**
 * A room's message that an open client was given and has not acknowledged when the server dies: its phone rings after the
 * start, once, and only where the client has not shown that it has the message.
 */
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Actor } from '../../support/actor.ts'
import { FakeClock } from '../../support/clock.ts'
import { acks, FULL, manages, passes, registers, settle } from '../../support/phones.ts'
import { changes, configures, enters, inside, ROOM } from '../../support/rooms.ts'
import { restarted, resumes } from '../../support/sm.ts'
import { type Play, play } from '../../support/world.ts'

/** Stanzas since a client asked for acks: the answer by which a play knows that it has them, and one message. */
const ANSWER_AND_MESSAGE = 2
const MUCSUB = 'urn:xmpp:mucsub:0'

/** Romeo's room, and juliet's phone in it, open. */
async function cast(
  p: Play,
  { isPrivate = true, member = true } = {},
): Promise<{ romeo: Actor; phone: Actor }> {
  await registers(p)
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await configures(romeo, {
    'muc#roomconfig_persistentroom': '1',
    ...(isPrivate && { 'muc#roomconfig_membersonly': '1' }),
  })
  if (member) await changes(romeo, `<item affiliation='member' jid='juliet@bix.org' nick='Capulet'/>`)
  const phone = await p.online('juliet@bix.org/phone')
  await settle(p)
  p.pushed.length = 0
  return { romeo, phone }
}

async function says(p: Play, romeo: Actor, text: string): Promise<void> {
  romeo.sends(`<message to='${ROOM}' type='groupchat' id='m-${text}'><body>${text}</body></message>`)
  for (let i = 0; i < 3; i++) await settle(p)
}

const rings = (p: Play) => p.pushed.map(({ body }) => body)
const rows = (p: Play) => p.store.db.raw.query('SELECT * FROM room_fanouts').all()

/** What rings after a crash that comes behind `first`, by each of `starts` starts. */
async function afterCrash(first: (p: Play) => Promise<void>, starts = 1): Promise<unknown[]> {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-unconfirmed-'))
  const clock = new FakeClock()
  const heard: unknown[] = []
  try {
    let file = join(dir, 'belfry.db')
    {
      using p = play({ file, toml: FULL, clock })
      await first(p)
      file = p.crash()
    }
    for (let n = 0; n < starts; n++) {
      using p = play({ file, toml: FULL, clock: new FakeClock(clock.now() + 1_000 * (n + 1)), seed: n + 2 })
      for (let i = 0; i < 4; i++) await settle(p)
      await passes(p, 30_000)
      heard.push(rings(p))
      expect(rows(p)).toEqual([])
      file = p.crash()
    }
    return heard
  } finally {
    rmSync(dir, { recursive: true })
  }
}

/** Ways in which an open client is given a message that it does not acknowledge. */
const WAYS: [way: string, first: (p: Play) => Promise<void>][] = [
  [
    'a member’s client that acknowledges',
    async (p) => {
      const { romeo, phone } = await cast(p)
      await enters(phone, 'Capulet')
      await manages(phone)
      await says(p, romeo, 'hark')
    },
  ],
  [
    'a member’s client that does not',
    async (p) => {
      const { romeo, phone } = await cast(p)
      await enters(phone, 'Capulet')
      await says(p, romeo, 'hark')
    },
  ],
  [
    'a subscriber’s client, which is not in the room',
    async (p) => {
      const { romeo, phone } = await cast(p)
      const nodes = `<event node='urn:xmpp:mucsub:nodes:messages'/>`
      await phone.asks('set', `<subscribe xmlns='${MUCSUB}' nick='Capulet'>${nodes}</subscribe>`, ROOM)
      await manages(phone)
      await says(p, romeo, 'hark')
    },
  ],
  [
    'a visitor’s client, by the nick that it had',
    async (p) => {
      const { romeo, phone } = await cast(p, { isPrivate: false, member: false })
      await enters(phone, 'Rosaline')
      await manages(phone)
      await says(p, romeo, 'nothing for anybody')
      await says(p, romeo, 'hark, rosaline')
    },
  ],
  [
    'a client that has acknowledged what came before',
    async (p) => {
      const { romeo, phone } = await cast(p)
      await enters(phone, 'Capulet')
      await manages(phone)
      await says(p, romeo, 'before')
      await acks(phone, ANSWER_AND_MESSAGE)
      await passes(p, 1_500)
      await says(p, romeo, 'hark')
    },
  ],
]
for (const [way, first] of WAYS)
  test(`a crash before the ack of ${way}: the phone rings by the next start, and by no further one`, async () => {
    const heard = (await afterCrash(first, 3)) as string[][]
    expect(heard.map((bodies) => bodies.length)).toEqual([1, 0, 0])
    expect(heard[0]?.[0]).toStartWith('hark')
  })

/** Messages for which nobody rings after a crash. */
const QUIET: [why: string, first: (p: Play) => Promise<void>][] = [
  [
    'the client has acknowledged it',
    async (p) => {
      const { romeo, phone } = await cast(p)
      await enters(phone, 'Capulet')
      await manages(phone)
      await says(p, romeo, 'hark')
      await acks(phone, ANSWER_AND_MESSAGE)
      expect(rows(p)).toHaveLength(1)
      await passes(p, 1_500)
      expect(rows(p)).toEqual([])
    },
  ],
  [
    'the client has said something since',
    async (p) => {
      const { romeo, phone } = await cast(p)
      await enters(phone, 'Capulet')
      await says(p, romeo, 'hark')
      await phone.settles()
      await passes(p, 1_500)
    },
  ],
  [
    'the phone rang before, since the client did not answer',
    async (p) => {
      const { romeo, phone } = await cast(p)
      await enters(phone, 'Capulet')
      await manages(phone)
      await says(p, romeo, 'hark')
      await passes(p, 10_500)
      expect(rings(p)).toEqual(['hark'])
    },
  ],
  [
    'the room rings for mentions alone',
    async (p) => {
      const { romeo, phone } = await cast(p, { isPrivate: false })
      await enters(phone, 'Capulet')
      await manages(phone)
      await says(p, romeo, 'hark')
    },
  ],
  [
    'the message was taken back',
    async (p) => {
      const { romeo, phone } = await cast(p)
      await enters(phone, 'Capulet')
      await manages(phone)
      await says(p, romeo, 'hark')
      romeo.forget()
      const ids = p.store.db.raw.query<{ id: number }, []>('SELECT id FROM room_archive').all()
      romeo.sends(
        `<message to='${ROOM}' type='groupchat'><retract xmlns='urn:xmpp:message-retract:1' id='${ids.at(-1)?.id}'/></message>`,
      )
      for (let i = 0; i < 3; i++) await settle(p)
    },
  ],
  [
    'she was banned meanwhile',
    async (p) => {
      const { romeo, phone } = await cast(p)
      await enters(phone, 'Capulet')
      await manages(phone)
      await says(p, romeo, 'hark')
      await changes(romeo, `<item affiliation='outcast' jid='juliet@bix.org'/>`)
      await settle(p)
    },
  ],
]
for (const [why, first] of QUIET)
  test(`a crash rings no phone for what a client was given: ${why}`, async () => {
    const heard = (await afterCrash(first)) as [string[]]
    expect(heard[0].filter((body) => body.includes('hark'))).toEqual([])
  })

test('two devices, one open and one that waits for it: after a crash both ring, once each', async () => {
  const heard = await afterCrash(async (p) => {
    const { romeo, phone } = await cast(p)
    await enters(phone, 'Capulet')
    await manages(phone)
    await registers(p, 'pad', 2)
    await says(p, romeo, 'hark')
    expect(rings(p)).toEqual([])
  }, 2)
  expect(heard).toEqual([['hark', 'hark'], []])
})

test('XEP-0198 §5: over an orderly restart the client has its time to come back; the room’s rule holds', async () => {
  for (const [back, text, heard] of [
    [true, 'capulet', []],
    [false, 'capulet', ['capulet']],
    [false, 'nobody', []],
  ] as const) {
    let id = ''
    await restarted(
      async (p) => {
        const { romeo, phone } = await cast(p, { isPrivate: false })
        await enters(phone, 'Capulet')
        phone.forget()
        id = await manages(phone)
        await says(p, romeo, text)
      },
      async (p) => {
        await settle(p)
        await passes(p, 5_000)
        expect(rings(p)).toEqual([])
        if (back) await resumes(p, 'juliet@bix.org', id, String(ANSWER_AND_MESSAGE))
        await passes(p, 6_000)
        expect(rings(p)).toEqual([...heard])
        await passes(p, 60_000)
        expect([rings(p), rows(p)]).toEqual([[...heard], []])
      },
      FULL,
    )
  }
})
