/** Clients with stream management (XEP-0198), and servers that stop and start between their connections. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { child, childText, type Element } from '../../src/xmpp/xml.ts'
import type { Actor } from './actor.ts'
import { FakeClock } from './clock.ts'
import { type Play, play } from './world.ts'

export const SM = 'urn:xmpp:sm:3'
export const chat = (body: string, to = 'juliet@bix.org') =>
  `<message to='${to}' type='chat'><body>${body}</body></message>`

/** Enables stream management and returns what the server said. */
export async function enables(actor: Actor, attrs = `resume='true'`): Promise<Element> {
  actor.sends(`<enable xmlns='${SM}' ${attrs}/>`)
  return actor.receives(`<enabled xmlns='${SM}' id='{any}' resume='true' max='{any}'/>`)
}

/** Bodies of the messages that were heard until now, taken off. */
export function takesBodies(actor: Actor): string[] {
  const found = actor.heard.filter(({ name }) => name === 'message')
  actor.heard = actor.heard.filter(({ name }) => name !== 'message')
  return found.map((el) => child(el, 'body')?.getText() ?? '')
}

/** Until the server has asked for an ack. */
export async function untilAsked(actor: Actor): Promise<void> {
  while (!actor.heard.some(({ name }) => name === 'r')) actor.heard.push(await actor.next())
  actor.heard = actor.heard.filter(({ name }) => name !== 'r')
}

/** The network is gone: no goodbye, no FIN that means one. */
export const cut = (actor: Actor) => actor.transport.destroy()

export const rows = (p: Play, where: string) =>
  p.store.db.raw.query<{ n: number }, []>(`SELECT count(*) AS n FROM offline WHERE ${where}`).get()?.n

/** Romeo, and juliet with stream management on; her SM-ID. */
export async function stage(p: Play): Promise<{ romeo: Actor; juliet: Actor; id: string; max: string }> {
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  const { id = '', max = '' } = (await enables(juliet)).attrs
  return { romeo, juliet, id, max }
}

/** Enables stream management and returns what was granted. */
export async function granted(actor: Actor): Promise<{ id: string; max: string }> {
  actor.sends(`<enable xmlns='${SM}' resume='true'/>`)
  const { id = '', max = '' } = (await actor.next()).attrs
  return { id, max }
}

/** Bodies of the messages that were heard until now. */
export const bodies = (actor: Actor) =>
  actor.heard.filter(({ name }) => name === 'message').map((el) => childText(el, 'body'))

export const sessionOf = (p: Play, bare = 'juliet@bix.org') => [...p.world.sessions.of(bare)][0]

/** Two runs of the server on one file, with an orderly stop and `away` milliseconds between them. */
export async function restarted(
  first: (p: Play) => Promise<void>,
  second: (p: Play) => Promise<void>,
  toml = '',
  away = 0,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-sessions-'))
  const file = join(dir, 'belfry.db')
  const clock = new FakeClock()
  try {
    {
      using p = play({ file, toml })
      await first(p)
      p.stop()
    }
    clock.advance(away)
    using p = play({ file, toml, clock })
    await second(p)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

export async function resumes(p: Play, jid: string, id: string, h = '0'): Promise<Actor> {
  const back = await p.returns(jid)
  back.sends(`<resume xmlns='${SM}' previd='${id}' h='${h}'/>`)
  await back.receives(`<resumed xmlns='${SM}' previd='${id}' h='{any}'/>`)
  return back
}
