/** Handshakes of addresses that guess passwords come behind those of everybody else, a few each second. */
import { expect, test } from 'bun:test'
import { type Actor, PASSWORD } from '../support/actor.ts'
import { play } from '../support/world.ts'
import { auth, encode, verdict } from './scram-client.ts'

type P = ReturnType<typeof play>

/** Ten a second. Nobody is held back for anything else. */
const SLOW = `[auth]\nplain = true\nnever_ban = ["198.51.100.0/24"]
[limits]\nrates = true\nsuspect_handshakes = 10\nauth_failures = 0\nauth_failures_per_ip = 3\npreauth_timeout = "0s"\n`

async function guesses(p: P, ip: string, times = 1): Promise<void> {
  for (let n = 0; n < times; n++) {
    const actor = p.connect({ ip })
    await actor.opens()
    actor.sends(auth('PLAIN', encode(`\0nobody${n}\0wrong`)))
    expect(verdict(await actor.next())).toBe('not-authorized')
    actor.transport.destroy()
  }
}

/** Has asked for TLS; whether it was told to go on is looked up later. */
async function asks(p: P, ip: string): Promise<Actor> {
  const actor = p.connect({ ip, secure: false })
  await actor.opens()
  actor.sends("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
  return actor
}

/** The loop has gone round a few times: one handshake begins in each pass. */
async function passes(): Promise<void> {
  for (let n = 0; n < 20; n++) await new Promise(setImmediate)
}

const proceeds = (actors: Record<string, Actor>): string =>
  Object.keys(actors)
    .filter((name) => actors[name]?.transport.tls !== undefined)
    .join(' ')

test('limits.suspect_handshakes: addresses that failed lately take turns, others never wait', async () => {
  using p = play({ toml: SLOW })
  for (const ip of ['192.0.2.1', '2001:db8::1']) await guesses(p, ip)
  const actors = {
    a1: await asks(p, '192.0.2.1'),
    a2: await asks(p, '192.0.2.1'),
    a3: await asks(p, '192.0.2.1'),
    b1: await asks(p, '2001:db8::2'),
    other: await asks(p, '192.0.2.2'),
    another: await asks(p, '192.0.2.3'),
  }
  const seen: string[] = []
  for (let n = 0; n < 4; n++) {
    await passes()
    seen.push(proceeds(actors))
    p.clock.advance(100)
  }
  expect(seen).toEqual([
    'a1 other another',
    'a1 a2 other another',
    'a1 a2 b1 other another',
    'a1 a2 a3 b1 other another',
  ])
})

test('who hangs up while it waits costs the next one nothing', async () => {
  using p = play({ toml: SLOW })
  await guesses(p, '192.0.2.1')
  const actors: Record<string, Actor> = {}
  for (const name of ['first', 'gone', 'next']) actors[name] = await asks(p, '192.0.2.1')
  actors.gone?.transport.destroy()
  await passes()
  p.clock.advance(100)
  await passes()
  expect(proceeds(actors)).toBe('first next')
})

test('an address that is banned is one of them for as long as that lasts, one that is never banned is not', async () => {
  using p = play({ toml: `${SLOW}auth_window = "1s"\n` })
  await guesses(p, '192.0.2.1', 3)
  await guesses(p, '198.51.100.7', 3)
  p.clock.advance(10_000)
  const actors: Record<string, Actor> = {}
  for (const name of ['banned', 'later']) actors[name] = await asks(p, '192.0.2.1')
  for (const name of ['proxied', 'too']) actors[name] = await asks(p, '198.51.100.7')
  await passes()
  expect(proceeds(actors)).toBe('banned proxied too')
  p.clock.advance(3_600_000)
  await passes()
  for (const name of ['pardoned', 'as well']) actors[name] = await asks(p, '192.0.2.1')
  await passes()
  expect(proceeds(actors)).toBe('banned later proxied too pardoned as well')
})

test('it is its password that lets a person in from there all the same', async () => {
  using p = play({ toml: SLOW })
  await p.account('romeo@bix.org')
  await guesses(p, '192.0.2.1')
  const romeo = await asks(p, '192.0.2.1')
  await romeo.receives("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
  await romeo.isSecured()
  await romeo.logsIn('romeo@bix.org', PASSWORD, 'balcony')
})

test('limits.rates = false: they still come last, but by no clock', async () => {
  using p = play({ toml: SLOW.replace('rates = true', 'rates = false') })
  await guesses(p, '192.0.2.1', 3)
  const actors: Record<string, Actor> = {}
  for (const name of ['a', 'b', 'c']) actors[name] = await asks(p, '192.0.2.1')
  await passes()
  p.clock.advance(0)
  await passes()
  p.clock.advance(0)
  await passes()
  expect(proceeds(actors)).toBe('a b c')
})

test('limits.tls_handshake_timeout is for the handshake: a connection lives on behind it', async () => {
  using p = play({ toml: `[auth]\nplain = true\n[limits]\ntls_handshake_timeout = "5s"\nrates = false\n` })
  const actor = await asks(p, '192.0.2.1')
  await passes()
  await actor.isSecured()
  actor.forget()
  await p.account('romeo@bix.org')
  await actor.logsIn('romeo@bix.org', PASSWORD, 'orchard')
  p.clock.advance(60_000)
  await actor.hearsNothing()
})
