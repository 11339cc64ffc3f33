import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  isSubscriptionType,
  received,
  sent,
  type SubscriptionState,
  type SubscriptionType,
} from '../../src/xmpp/subscription.ts'

/** The nine states of RFC 6121 Appendix A.1 by our own short names: O is Pending Out, I is Pending In. */
const STATES = {
  None: { subscription: 'none', ask: false, pendingIn: false },
  'None+O': { subscription: 'none', ask: true, pendingIn: false },
  'None+I': { subscription: 'none', ask: false, pendingIn: true },
  'None+OI': { subscription: 'none', ask: true, pendingIn: true },
  To: { subscription: 'to', ask: false, pendingIn: false },
  'To+I': { subscription: 'to', ask: false, pendingIn: true },
  From: { subscription: 'from', ask: false, pendingIn: false },
  'From+O': { subscription: 'from', ask: true, pendingIn: false },
  Both: { subscription: 'both', ask: false, pendingIn: false },
} as const satisfies Record<string, Omit<SubscriptionState, 'approved'>>
type Name = keyof typeof STATES
const STRANGER: SubscriptionState = { ...STATES.None, approved: false }

const NAMES = ['None', 'None+O', 'None+I', 'None+OI', 'To', 'To+I', 'From', 'From+O', 'Both'] as const
const TYPES = ['subscribe', 'unsubscribe', 'subscribed', 'unsubscribed'] as const

/** `→` names the new state, `=` keeps it; whether the stanza goes on stands first. */
type Cell = `${'yes' | 'no'} ${'=' | `→ ${Name}`}`

/** Tables 1 to 4 (§A.2): what the user sends. Columns in the order of TYPES. */
const OUTBOUND: Record<Name, readonly [Cell, Cell, Cell, Cell]> = {
  None: ['yes → None+O', 'yes =', 'no =', 'no ='],
  'None+O': ['yes =', 'yes → None', 'no =', 'no ='],
  'None+I': ['yes → None+OI', 'yes =', 'yes → From', 'yes → None'],
  'None+OI': ['yes =', 'yes → None+I', 'yes → From+O', 'yes → None+O'],
  To: ['yes =', 'yes → None', 'no =', 'no ='],
  'To+I': ['yes =', 'yes → None+I', 'yes → Both', 'yes → To'],
  From: ['yes → From+O', 'yes =', 'no =', 'yes → None'],
  'From+O': ['yes =', 'yes → From', 'no =', 'yes → None+O'],
  Both: ['yes =', 'yes → From', 'no =', 'yes → To'],
}

/** Tables 5 to 8 (§A.3): what a contact sends. */
const INBOUND: Record<Name, readonly [Cell, Cell, Cell, Cell]> = {
  None: ['yes → None+I', 'no =', 'no =', 'no ='],
  'None+O': ['yes → None+OI', 'no =', 'yes → To', 'yes → None'],
  'None+I': ['no =', 'yes → None', 'no =', 'no ='],
  'None+OI': ['no =', 'yes → None+O', 'yes → To+I', 'yes → None+I'],
  To: ['yes → To+I', 'no =', 'no =', 'yes → None'],
  'To+I': ['no =', 'yes → To', 'no =', 'yes → None+I'],
  From: ['no =', 'yes → None', 'no =', 'no ='],
  'From+O': ['no =', 'yes → None+O', 'yes → Both', 'yes → From'],
  Both: ['no =', 'yes → To', 'no =', 'yes → From'],
}

function cell(before: Name, on: boolean, { subscription, ask, pendingIn }: SubscriptionState): string {
  const after = NAMES.find((name) => {
    const state = STATES[name]
    return state.subscription === subscription && state.ask === ask && state.pendingIn === pendingIn
  })
  return `${on ? 'yes' : 'no'} ${after === before ? '=' : `→ ${after}`}`
}

const plain = (name: Name): SubscriptionState => ({ ...STATES[name], approved: false })

describe('RFC 6121 §A.2 outbound', () => {
  for (const name of NAMES) {
    test(name, () => {
      const row = TYPES.map((type) => sent(plain(name), type)).map(({ route, state }) =>
        cell(name, route, state),
      )
      expect(row).toEqual([...OUTBOUND[name]])
    })
  }
})

describe('RFC 6121 §A.3 inbound', () => {
  for (const name of NAMES) {
    test(name, () => {
      const row = TYPES.map((type) => received(plain(name), type)).map(({ deliver, state }) =>
        cell(name, deliver, state),
      )
      expect(row).toEqual([...INBOUND[name]])
    })
  }

  test('§3.1.3: a request is answered for the user only where it was granted before', () => {
    const replies = NAMES.filter((name) => received(plain(name), 'subscribe').reply === 'subscribed')
    expect(replies).toEqual(['From', 'From+O', 'Both'])
    for (const name of NAMES) {
      for (const type of TYPES.slice(1)) expect(received(plain(name), type).reply).toBeUndefined()
    }
  })
})

describe('RFC 6121 §3.4 pre-approval', () => {
  const approved = (name: Name): SubscriptionState => ({ ...STATES[name], approved: true })

  test('§3.4.2: is noted where there is nothing to grant yet, and stays with the server', () => {
    const noted = NAMES.filter((name) => sent(plain(name), 'subscribed').state.approved)
    expect(noted).toEqual(['None', 'None+O', 'To'])
    for (const name of noted) expect(sent(plain(name), 'subscribed').route).toBe(false)
  })

  test.each([
    ['None', 'From'],
    ['None+O', 'From+O'],
    ['To', 'Both'],
  ] as const)('in %s a request is granted unseen', (before, after) => {
    const { state, deliver, reply } = received(approved(before), 'subscribe')
    expect([state, deliver, reply]).toEqual([plain(after), false, 'subscribed'])
  })

  test.each(['None', 'None+O', 'To'] as const)('in %s it is cancelled by unsubscribed, unheard', (name) => {
    expect(sent(approved(name), 'unsubscribed')).toEqual({ state: plain(name), route: false })
  })
})

test('the types of presence that are about subscriptions', () => {
  expect(TYPES.every(isSubscriptionType)).toBe(true)
  expect(['', 'probe', 'unavailable', 'error', 'Subscribe', 'constructor'].some(isSubscriptionType)).toBe(
    false,
  )
})

describe('whatever two people and their servers say', () => {
  type Said = { readonly by: 'romeo' | 'juliet'; readonly type: SubscriptionType }
  const said: fc.Arbitrary<Said[]> = fc.array(
    fc.record({ by: fc.constantFrom('romeo', 'juliet'), type: fc.constantFrom(...TYPES) }),
    { maxLength: 30 },
  )
  const has = (state: SubscriptionState, part: 'to' | 'from') =>
    state.subscription === part || state.subscription === 'both'

  /** One stanza through both machines, its automatic answer included. */
  function say(states: Record<Said['by'], SubscriptionState>, { by, type }: Said): void {
    const other = by === 'romeo' ? 'juliet' : 'romeo'
    const mine = sent(states[by], type)
    states[by] = mine.state
    if (!mine.route) return
    const theirs = received(states[other], type)
    states[other] = theirs.state
    if (theirs.reply) states[by] = received(states[by], theirs.reply).state
  }

  test('both sides agree, and no state is outside the nine', () => {
    fc.assert(
      fc.property(said, (words) => {
        const states = { romeo: STRANGER, juliet: STRANGER }
        for (const word of words) {
          say(states, word)
          const { romeo, juliet } = states
          expect([has(romeo, 'to'), has(romeo, 'from')]).toEqual([has(juliet, 'from'), has(juliet, 'to')])
          expect([romeo.ask, romeo.pendingIn]).toEqual([juliet.pendingIn, juliet.ask])
          for (const { subscription, ask, pendingIn, approved } of [romeo, juliet]) {
            const shape = { subscription, ask, pendingIn }
            expect(NAMES.map((name) => JSON.stringify(STATES[name]))).toContain(JSON.stringify(shape))
            // A pre-approval is for what may still be asked.
            expect(approved && (pendingIn || subscription === 'from' || subscription === 'both')).toBe(false)
          }
        }
      }),
    )
  })

  test('said twice by a contact, nothing more is delivered or changed', () => {
    const state = fc.record({ name: fc.constantFrom(...NAMES), type: fc.constantFrom(...TYPES) })
    fc.assert(
      fc.property(state, ({ name, type }) => {
        const once = received(plain(name), type).state
        expect(received(once, type)).toMatchObject({ state: once, deliver: false })
      }),
    )
  })
})
