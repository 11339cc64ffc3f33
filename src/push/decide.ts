/**
 * Whether one device is rung for one message. Pure: what is known goes in, a verdict with its rule's name comes out;
 * every verdict is recorded. First match wins.
 */
import type { Proposal } from './classify.ts'

/** What matters of a device. */
export interface DeviceState {
  /** The session that registered it: user-agent id or resource. */
  readonly sessionKey: string | undefined
}

/** What matters of the account, at the moment when delivery is known. */
export interface AccountState {
  readonly proposal: Proposal
  /** took: an available session has it; held: stored for later; none: nobody has it and nothing stored it. */
  readonly outcome: 'took' | 'held' | 'none'
  readonly disabled: boolean
}

export interface Decision {
  readonly verdict: 'send' | 'hold' | 'suppress'
  readonly rule: string
  /** With 'hold': decide again then (ms). */
  readonly until?: number
}

type DecisionRule = (device: DeviceState, state: AccountState, now: number) => Decision | undefined

const RULES: readonly DecisionRule[] = [
  (_, { proposal }) =>
    proposal.kind === 'nothing' ? { verdict: 'suppress', rule: proposal.rule } : undefined,
  (_, { disabled }) => (disabled ? { verdict: 'suppress', rule: 'account-disabled' } : undefined),
  (_, { outcome }) => (outcome === 'took' ? { verdict: 'suppress', rule: 'session-active' } : undefined),
  // Badge and silent pushes need the unread count and settings of later rules; until then they are not worth a wake-up.
  (_, { proposal }) =>
    proposal.kind === 'ring' ? undefined : { verdict: 'suppress', rule: `${proposal.kind}-only` },
]

export function decide(device: DeviceState, state: AccountState, now: number): Decision {
  for (const rule of RULES) {
    const decision = rule(device, state, now)
    if (decision) return decision
  }
  return { verdict: 'send', rule: 'away' }
}
