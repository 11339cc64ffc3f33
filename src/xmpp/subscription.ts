/** Presence subscriptions as a pure machine (RFC 6121 §3 and Appendix A): nine states and a pre-approval. */

export type SubscriptionType = 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed'

export interface SubscriptionState {
  readonly subscription: 'none' | 'to' | 'from' | 'both'
  /** Pending out: we asked and were not answered. */
  readonly ask: boolean
  /** Pending in: they asked and were not answered. */
  readonly pendingIn: boolean
  /** Pre-approved (§3.4): their next request is granted unseen. */
  readonly approved: boolean
}

export interface Sent {
  readonly state: SubscriptionState
  /** Whether the stanza goes on to the contact. */
  readonly route: boolean
}

export interface Received {
  readonly state: SubscriptionState
  /** Whether the user's clients see the stanza. */
  readonly deliver: boolean
  /** The server's answer on the user's behalf. */
  readonly reply?: 'subscribed'
}

export function isSubscriptionType(type: string): type is SubscriptionType {
  return type === 'subscribe' || type === 'subscribed' || type === 'unsubscribe' || type === 'unsubscribed'
}

const WITH_TO = { none: 'to', to: 'to', from: 'both', both: 'both' } as const
const WITH_FROM = { none: 'from', to: 'both', from: 'from', both: 'both' } as const
const WITHOUT_TO = { none: 'none', to: 'none', from: 'from', both: 'from' } as const
const WITHOUT_FROM = { none: 'none', to: 'to', from: 'none', both: 'to' } as const

const hasTo = ({ subscription: s }: SubscriptionState) => s === 'to' || s === 'both'
const hasFrom = ({ subscription: s }: SubscriptionState) => s === 'from' || s === 'both'

/** The user's side of a stanza that the user sends (Appendix A.2). */
export function sent(s: SubscriptionState, type: SubscriptionType): Sent {
  switch (type) {
    case 'subscribe':
      return { state: hasTo(s) ? s : { ...s, ask: true }, route: true }
    case 'unsubscribe':
      return { state: { ...s, ask: false, subscription: WITHOUT_TO[s.subscription] }, route: true }
    case 'subscribed':
      if (s.pendingIn)
        return { state: { ...s, pendingIn: false, subscription: WITH_FROM[s.subscription] }, route: true }
      // §3.4.2: with nothing to grant yet it is a pre-approval, which stays between the user and the server.
      return { state: hasFrom(s) ? s : { ...s, approved: true }, route: false }
    case 'unsubscribed': {
      const state = { ...s, pendingIn: false, approved: false, subscription: WITHOUT_FROM[s.subscription] }
      return { state, route: s.pendingIn || hasFrom(s) }
    }
  }
}

/** The user's side of a stanza that a contact sends (Appendix A.3). */
export function received(s: SubscriptionState, type: SubscriptionType): Received {
  switch (type) {
    case 'subscribe':
      if (hasFrom(s)) return { state: s, deliver: false, reply: 'subscribed' }
      if (s.approved) {
        const state = { ...s, approved: false, pendingIn: false, subscription: WITH_FROM[s.subscription] }
        return { state, deliver: false, reply: 'subscribed' }
      }
      return { state: { ...s, pendingIn: true }, deliver: !s.pendingIn }
    case 'unsubscribe': {
      const state = { ...s, pendingIn: false, subscription: WITHOUT_FROM[s.subscription] }
      return { state, deliver: s.pendingIn || hasFrom(s) }
    }
    case 'subscribed':
      if (!s.ask) return { state: s, deliver: false }
      return { state: { ...s, ask: false, subscription: WITH_TO[s.subscription] }, deliver: true }
    case 'unsubscribed': {
      const state = { ...s, ask: false, subscription: WITHOUT_TO[s.subscription] }
      return { state, deliver: s.ask || hasTo(s) }
    }
  }
}
