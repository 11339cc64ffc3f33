/**
 * Whether one device is rung for one message. Pure: what is known goes in, a verdict with its rule's name comes out;
 * every verdict is recorded. First match wins; `belfry push rules` and the documentation print `what`.
 */
import { isUpdate, type Proposal } from './classify.ts'
import type { Stillness } from './wishes.ts'

/** Connection of the device itself, by the session that registered it. */
export type Connection =
  /** Not at all. */
  | 'none'
  /** The session's stream is gone and may come back (XEP-0198). */
  | 'hibernating'
  /** The client has not shown for `sm.ack_timeout` that it gets what is written. */
  | 'suspect'
  /** The app is in the background (XEP-0352). */
  | 'inactive'
  /** The person is not there (RFC 6121 §4.7.2.1: away, xa). */
  | 'away'
  | 'active'

/** State of a device, as far as it matters. */
export interface DeviceState {
  readonly connection: Connection
  /** The message was written to that session. */
  readonly took: boolean
  /** Its client acknowledges what it gets (XEP-0198). */
  readonly acknowledges: boolean
  /** The app asked to be rung also while the account's sessions say that nobody is there (tigase:push:away:0). */
  readonly ringsWhenAway: boolean
  /** A rule of the device's own (what its client asked for) that keeps it quiet. */
  readonly filter?: string | undefined
  /** Wishes of its person; undefined where there are none. */
  readonly still?: Stillness | undefined
}

/** State of the account, as far as it matters, at the moment when delivery is known. */
export interface AccountState {
  readonly proposal: Proposal
  readonly disabled: boolean
  /** Another device took it, and somebody sits there. */
  readonly elsewhere: 'none' | 'in-use'
  /** The chat's own rule (XEP-0492). */
  readonly notify: 'always' | 'on-mention' | 'never' | undefined
  readonly mention: boolean
  /** The sender is no contact. */
  readonly stranger: boolean
  readonly unknownSenders: boolean
  /** The person does not want to be disturbed now. */
  readonly quiet: boolean
}

/** Waiting times in ms; 0 switches a wait off. */
export interface Waits {
  /** While another device is in use. */
  readonly elsewhere: number
  /** For the ack of an app in the background. */
  readonly inactive: number
  /** For that of a call: iOS may have suspended an app whose stream looks open. */
  readonly call: number
}

export interface Decision {
  readonly verdict: 'send' | 'hold' | 'suppress'
  readonly rule: string
  /** With 'hold': decide again then (ms). */
  readonly until?: number
}

export interface DecisionRule {
  readonly rule: string
  readonly verdict: Decision['verdict']
  /** For people. */
  readonly what: string
  readonly applies: (device: DeviceState, state: AccountState, waits: Waits) => boolean
  readonly wait?: (waits: Waits) => number
}

/** The app is woken, and nobody sees it. */
const isUnseen = ({ proposal }: AccountState): boolean => proposal.kind === 'silent'

/** Calls and unseen updates never wait: a call is over soon, and an update makes no sound. */
const canWait = (state: AccountState): boolean => state.proposal.rule !== 'call' && !isUnseen(state)

/** The app is open; where the device asked for it, only if its person is there as well. */
const isOpen = ({ connection, ringsWhenAway }: DeviceState): boolean =>
  connection === 'active' || (connection === 'away' && !ringsWhenAway)

const isBehind = ({ connection, ringsWhenAway }: DeviceState): boolean =>
  connection === 'inactive' || (connection === 'away' && ringsWhenAway)

export const DECISION_RULES: readonly DecisionRule[] = [
  {
    rule: 'account-disabled',
    verdict: 'suppress',
    what: 'The account is disabled',
    applies: (_, { disabled }) => disabled,
  },
  {
    rule: 'not-for-ringing',
    verdict: 'suppress',
    what: 'The message changes nothing, or only the number on the icon',
    // The end of a call is told only to the phones that it has rung: features/calls.ts.
    applies: (_, { proposal: { kind, rule } }) => kind !== 'ring' && !(kind === 'silent' && isUpdate(rule)),
  },
  {
    rule: 'muted',
    verdict: 'suppress',
    what: 'The chat is muted (XEP-0492)',
    applies: (_, { notify }) => notify === 'never',
  },
  {
    rule: 'not-mentioned',
    verdict: 'suppress',
    what: 'The chat rings for mentions alone (XEP-0492)',
    applies: (_, { notify, mention }) => notify === 'on-mention' && !mention,
  },
  {
    rule: 'unknown-sender',
    verdict: 'suppress',
    what: 'The sender is no contact, and only contacts may ring',
    applies: (_, { stranger, unknownSenders }) => stranger && !unknownSenders,
  },
  {
    rule: 'device-muted',
    verdict: 'suppress',
    what: 'The device is muted by its person',
    applies: ({ still }) => still?.muted === true,
  },
  {
    rule: 'quiet-hours',
    verdict: 'suppress',
    what: 'The person’s quiet hours, unless the device lets it through',
    applies: ({ still }, { quiet }) => quiet && still?.passes !== true,
  },
  {
    rule: 'device-quiet-hours',
    verdict: 'suppress',
    what: 'The device’s own quiet hours, likewise',
    applies: ({ still }) => still?.quiet === true && !still.passes,
  },
  {
    rule: 'filter',
    verdict: 'suppress',
    what: 'What the device’s app asked to be spared',
    applies: ({ filter }) => filter !== undefined,
  },
  {
    rule: 'call-unacked',
    verdict: 'hold',
    what: 'The app is connected: the call rings unless it shows at once that it has it',
    applies: (device, { proposal }, { call }) =>
      proposal.rule === 'call' &&
      device.took &&
      call > 0 &&
      (isBehind(device) || (isOpen(device) && device.acknowledges)),
    wait: ({ call }) => call,
  },
  {
    rule: 'session-active',
    verdict: 'suppress',
    what: 'The app is open on this device and has the message',
    applies: (device, state) => device.took && (isOpen(device) || (isUnseen(state) && isBehind(device))),
  },
  {
    rule: 'inactive-unacked',
    verdict: 'hold',
    what: 'The app is in the background: unless it shows soon that it has the message, it is as if it slept',
    applies: (device, _, { inactive }) => device.took && isBehind(device) && inactive > 0,
    wait: ({ inactive }) => inactive,
  },
  {
    rule: 'other-device-active',
    verdict: 'hold',
    what: 'Another device is in use: it rings unless the message is read there soon',
    applies: (_, state, { elsewhere }) => state.elsewhere === 'in-use' && canWait(state) && elsewhere > 0,
    wait: ({ elsewhere }) => elsewhere,
  },
]

/** Rules that wait for an ack of the app itself. */
export const awaitsAck = (rule: string | null): boolean =>
  rule === 'inactive-unacked' || rule === 'call-unacked'

/** The decision where no rule applies: the device is rung. */
export const AWAY = { verdict: 'send', rule: 'away' } as const

export function decide(device: DeviceState, state: AccountState, waits: Waits, now: number): Decision {
  for (const { rule, verdict, applies, wait } of DECISION_RULES) {
    if (!applies(device, state, waits)) continue
    const name = rule === 'filter' ? (device.filter ?? rule) : rule
    if (rule === 'not-for-ringing') return { verdict, rule: state.proposal.rule }
    return wait ? { verdict, rule: name, until: now + wait(waits) } : { verdict, rule: name }
  }
  return AWAY
}
