/** What is remembered of a session: undone with its trip, saved by its name. */
import { expect, test } from 'bun:test'
import { restoreStates, saveStates, sessionState } from '../../src/routing/session-state.ts'
import type { Session } from '../../src/routing/session.ts'
import { type Play, play } from '../support/world.ts'

const mood = sessionState<ReadonlySet<string>>('test mood', {
  saved: {
    write: (set) => [...set],
    read: (json) => (Array.isArray(json) ? new Set(json.map(String)) : undefined),
  },
})
const plain = sessionState<boolean>('test plain', { saved: true })
const unsaved = sessionState<number>('test unsaved')

async function bound(p: Play): Promise<Session> {
  await p.online('romeo@bix.org/orchard')
  const [session] = p.world.sessions.of('romeo@bix.org')
  if (!session) throw new Error('nobody')
  return session
}

test('a trip that fails, or its turn, takes the change back; one that succeeds keeps it', async () => {
  using p = play()
  const session = await bound(p)
  await p.router.run((t) => unsaved.set(t, session, 1))
  const fails = p.router.run((t) => {
    unsaved.set(t, session, 2)
    unsaved.set(t, session, undefined)
    throw new Error('on purpose')
  })
  await fails.catch(() => {})
  expect(unsaved.get(session)).toBe(1)
  const mend = p.commitsFail()
  await p.router
    .run((t) => {
      unsaved.set(t, session, 3)
      t.store.settings.set('x', Buffer.from('y'))
    })
    .catch(() => {})
  mend()
  expect(unsaved.get(session)).toBe(1)
})

test('what is saved comes back by its name, and nothing else does', async () => {
  using p = play()
  const session = await bound(p)
  await p.router.run((t) => {
    mood.set(t, session, new Set(['glad']))
    plain.set(t, session, true)
    unsaved.set(t, session, 5)
  })
  const saved = JSON.parse(JSON.stringify(saveStates(session))) as Record<string, unknown>
  expect(saved).toMatchObject({ 'test mood': ['glad'], 'test plain': true })
  expect(Object.keys(saved)).not.toContain('test unsaved')
  const other = { ...session } as Session
  restoreStates(other, saved)
  expect([mood.get(other), plain.get(other), unsaved.get(other)]).toEqual([
    new Set(['glad']),
    true,
    undefined,
  ])
  // Of another version.
  restoreStates(other, { 'test mood': 'glad' })
  expect(mood.get(other)).toBeUndefined()
})

test('two of one name would overwrite each other', () => {
  expect(() => sessionState('test plain', { saved: true })).toThrow('saved by somebody else')
})
