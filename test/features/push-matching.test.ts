/** Registrations: a device keeps the key of the session that enabled it; a session without a device counts as another one. */
import { describe, expect, test } from 'bun:test'
import type { Actor } from '../support/actor.ts'
import { PASSWORD } from '../support/actor.ts'
import { explain, phoneOf } from '../support/phone.ts'
import { chat, enableOf, leaves, manages, PUSH, registers, says, settle } from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'

const OPEN = 'not rung: a connected app took the message'
const ELSEWHERE = 'kept back until later: another device is in use and may still read it'
const AGENT = 'd4565fa7-4d72-4749-b3d3-740edbf87770'

/** Logs in by SASL2 and Bind 2, as an app with an id of its own; the resource is the server's. */
async function agent(p: Play, id = AGENT): Promise<Actor> {
  if (!p.store.accounts.find('juliet@bix.org')) await p.account('juliet@bix.org')
  const actor = p.connect()
  await actor.opens()
  const plain = Buffer.from(`\0juliet\0${PASSWORD}`).toString('base64')
  actor.sends(
    `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>${plain}</initial-response>` +
      `<user-agent id='${id}'><software>Verona</software></user-agent><bind xmlns='urn:xmpp:bind:0'><tag>Verona</tag></bind></authenticate>`,
  )
  await actor.next()
  await actor.next()
  actor.sends('<presence/>')
  await actor.settles()
  actor.forget()
  return actor
}

interface Row {
  readonly what: string
  /** Registers one device or two, and ends with whoever of Juliet's is there. */
  readonly stage: (p: Play) => Promise<Actor | undefined>
  readonly says: string[]
  /** Phones that ring at once. */
  readonly rings: number[]
}

const ROWS: readonly Row[] = [
  {
    what: 'nobody is there',
    async stage(p) {
      await registers(p)
      return undefined
    },
    says: [],
    rings: [1],
  },
  {
    what: 'reconnect without enable: the same resource is the device',
    async stage(p) {
      await registers(p)
      return p.online('juliet@bix.org/phone')
    },
    says: [OPEN],
    rings: [],
  },
  {
    what: 'reconnect without enable: the same user-agent id is the device, whatever its resource',
    async stage(p) {
      const app = await agent(p)
      await app.asks('set', enableOf(1))
      await leaves(p, app)
      return agent(p)
    },
    says: [OPEN],
    rings: [],
  },
  {
    what: 'another app with another user-agent id is another device',
    async stage(p) {
      const app = await agent(p)
      await app.asks('set', enableOf(1))
      await leaves(p, app)
      return agent(p, '00000000-0000-4000-8000-000000000001')
    },
    says: [ELSEWHERE],
    rings: [],
  },
  {
    what: 'resume: the session is still the device’s',
    async stage(p) {
      const app = await p.online('juliet@bix.org/phone')
      await app.asks('set', enableOf(1))
      const id = await manages(app)
      app.transport.destroy()
      await settle(p)
      const back = await p.returns('juliet@bix.org')
      back.sends(`<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='1'/>`)
      await back.next()
      return back
    },
    says: [OPEN],
    rings: [],
  },
  {
    what: 'a new resource is another device, until it enables',
    async stage(p) {
      await registers(p)
      return p.online('juliet@bix.org/renamed')
    },
    says: [ELSEWHERE],
    rings: [],
  },
  {
    what: 'a new resource that enables is the device from then on',
    async stage(p) {
      await registers(p)
      const renamed = await p.online('juliet@bix.org/renamed')
      await renamed.asks('set', enableOf(1))
      return renamed
    },
    says: [OPEN],
    rings: [],
  },
  {
    what: 'two phones, one open: it is spared, the other waits',
    async stage(p) {
      await registers(p)
      const pad = await p.online('juliet@bix.org/pad')
      await pad.asks('set', enableOf(2))
      return pad
    },
    says: [ELSEWHERE, OPEN],
    rings: [],
  },
  {
    what: 'two phones, both away: both ring',
    async stage(p) {
      for (const [n, name] of ['phone', 'pad'].entries()) {
        await registers(p, name, n + 1)
      }
      return undefined
    },
    says: [],
    rings: [1, 2],
  },
]

describe('which session is which device', () => {
  for (const { what, stage, says: said, rings } of ROWS)
    test(what, async () => {
      using p = play({ toml: PUSH })
      await using phone = await phoneOf(p)
      const romeo = await p.online('romeo@bix.org/orchard')
      const there = await stage(p)
      await there?.settles()
      await says(romeo, chat('hist!'), there)
      expect((await explain(p)).sort()).toEqual([...said].sort())
      for (const n of [1, 2]) await phone.other(n).rings(...(rings.includes(n) ? [{}] : []))
    })
})
