/** Who fails to log in is delayed first, then refused; who shares an address with them is not. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { startLogging, stopLogging } from '../../src/log.ts'
import { type Actor, PASSWORD } from '../support/actor.ts'
import { play } from '../support/world.ts'
import { auth, encode, verdict } from './scram-client.ts'

type P = ReturnType<typeof play>

/** Five failures of one account are delayed (not at all here), twenty failures are banned. */
const SHOP = `[auth]\nplain = true\nnever_ban = ["198.51.100.0/24"]
[limits]\nrates = true\nconnections_per_ip = 0\nauth_tries = 0\nauth_delay_max = "0s"\npreauth_timeout = "0s"\n`

const lines: string[] = []
beforeEach(() => {
  lines.length = 0
  startLogging({ level: 'info', format: 'text', write: (line) => void lines.push(line) })
})
afterEach(stopLogging)

const told = (): string[] =>
  lines.filter((line) => line.includes('area=auth')).map((line) => line.replace(/^.*event=/, '').trim())

async function from(p: P, ip: string): Promise<(name: string, password?: string) => Promise<string>> {
  let actor: Actor | undefined
  return async (name, password = 'wrong') => {
    if (!actor || actor.transport.closed) {
      actor = p.connect({ ip })
      await actor.opens()
    }
    actor.sends(auth('PLAIN', encode(`\0${name}\0${password}`)))
    const answer = verdict(await actor.next())
    if (answer === 'success' || answer === 'temporary-auth-failure') actor = undefined
    return answer
  }
}

async function people(p: P): Promise<void> {
  for (const name of ['romeo', 'juliet']) await p.account(`${name}@bix.org`)
}

describe('limits.auth_failures_per_ip', () => {
  test('the wrong password of one account locks nobody else out who shares its address', async () => {
    using p = play({ toml: SHOP })
    await people(p)
    const shop = await from(p, '192.0.2.1')
    for (let i = 0; i < 20; i++) expect(await shop('romeo')).toBe('not-authorized')
    expect(await shop('juliet', PASSWORD)).toBe('success')
    // The account that was guessed is no longer tried from there, and is from elsewhere.
    expect(await shop('romeo', PASSWORD)).toBe('temporary-auth-failure')
    expect(await (await from(p, '192.0.2.2'))('romeo', PASSWORD)).toBe('success')
    expect(told()).toEqual([
      '"an address is banned from logins" ip=192.0.2.1 account=romeo@bix.org failures=20 seconds=3600',
    ])
  })

  test('who tries many accounts is not heard at all, and the log has the ban and its end', async () => {
    using p = play({ toml: SHOP })
    await people(p)
    const sprayer = await from(p, '2001:db8::7')
    for (let i = 0; i < 20; i++) expect(await sprayer(`guess${i}`)).toBe('not-authorized')
    expect(await sprayer('juliet', PASSWORD)).toBe('temporary-auth-failure')
    expect(await (await from(p, '2001:db8::8'))('juliet', PASSWORD)).toBe('temporary-auth-failure')
    expect(told()).toEqual(['"an address is banned from logins" ip=2001:db8::/64 failures=20 seconds=3600'])
    p.clock.advance(3_600_000)
    expect(told().slice(1)).toEqual(['"a ban from logins has ended" ip=2001:db8::/64 by=time'])
    expect(await sprayer('juliet', PASSWORD)).toBe('success')
  })

  test('each account counts for its address until its own answers are delayed, so five of each', async () => {
    using p = play({ toml: SHOP })
    await people(p)
    const shop = await from(p, '192.0.2.1')
    for (const name of ['a', 'b', 'c']) for (let i = 0; i < 19; i++) await shop(name)
    expect(await shop('juliet', PASSWORD)).toBe('success')
    for (let i = 0; i < 5; i++) await shop('d')
    expect(await shop('juliet', PASSWORD)).toBe('temporary-auth-failure')
  })
})

test.each(['198.51.100.9', '::ffff:198.51.100.9', '127.0.0.1', '::1'])(
  'auth.never_ban and trusted_proxies: %s is delayed and never banned, whatever is guessed there',
  async (ip) => {
    using p = play({ toml: SHOP })
    await people(p)
    const proxy = await from(p, ip)
    for (let i = 0; i < 30; i++) expect(await proxy('romeo')).toBe('not-authorized')
    for (let i = 0; i < 30; i++) expect(await proxy(`guess${i}`)).toBe('not-authorized')
    expect(await proxy('romeo', PASSWORD)).toBe('success')
    expect(told()).toEqual([])
  },
)

test('limits.auth_ban = "0s": delays only', async () => {
  using p = play({ toml: `${SHOP}auth_ban = "0s"\n` })
  await people(p)
  const guesser = await from(p, '192.0.2.1')
  for (let i = 0; i < 30; i++) await guesser('romeo')
  expect(await guesser('romeo', PASSWORD)).toBe('success')
  expect(told()).toEqual([])
})
