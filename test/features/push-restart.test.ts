/** What a restart of the server must not forget: who has not shown to have a message. */
import { expect, test } from 'bun:test'
import { chat, kinds, PUSH, says, settle, silentPhone, verdicts } from '../support/phones.ts'
import { resumes, restarted } from '../support/sm.ts'
import type { Play } from '../support/world.ts'

async function passes(p: Play, ms: number): Promise<void> {
  p.clock.advance(ms)
  await settle(p)
}

/** Her phone is in a tunnel when it comes. */
async function inTunnel(p: Play): Promise<string> {
  const { romeo, id } = await silentPhone(p)
  await says(romeo, chat('hist!'))
  expect([verdicts(p), kinds(p)]).toEqual([['suppressed session-active'], []])
  return id
}

test('XEP-0198 §5: who has not come back after a restart of the server is rung like who has not before it', async () => {
  await restarted(
    async (p) => void (await inTunnel(p)),
    async (p) => {
      await passes(p, 9_000)
      expect(kinds(p)).toEqual([])
      await passes(p, 2_000)
      expect(kinds(p)).toEqual(['body'])
      await passes(p, 60_000)
      expect(kinds(p)).toEqual(['body'])
    },
    PUSH,
  )
})

test('XEP-0198 §5: who comes back in time after a restart of the server is not rung', async () => {
  let id = ''
  await restarted(
    async (p) => void (id = await inTunnel(p)),
    async (p) => {
      await resumes(p, 'juliet@bix.org', id, '2')
      await passes(p, 60_000)
      expect(kinds(p)).toEqual([])
    },
    PUSH,
  )
})
