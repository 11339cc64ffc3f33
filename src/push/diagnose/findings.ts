/** "Why did my phone not ring?": what stands in the way of an account's pushes, most likely cause first. Pure. */
import { withDetail } from '../apns/probe.ts'
import { inWords, reasonInWords } from '../rules/reasons-text.ts'

export interface PushFacts {
  /** Target of pushes. */
  readonly target: 'off' | 'simulator' | 'services'
  readonly running: boolean
  readonly disabled: boolean
  readonly devices: readonly { readonly id: number; readonly lastReason: string | null }[]
  /** Sessions that would take a message instead of a phone. */
  readonly awake: readonly string[]
  /** Devices whose own app is one of the account's sessions. */
  readonly own?: readonly { readonly id: number; readonly session: string }[]
  readonly paused: readonly {
    readonly lane: string
    readonly reason: string
    readonly detail?: string | undefined
  }[]
  readonly waiting: number
  /** The question is what became of one message; the verdicts are its own. */
  readonly message?: boolean
  /** Newest first. */
  readonly verdicts: readonly {
    readonly verdict: string
    readonly rule: string
    readonly reason: string | null
  }[]
}

/** Apps register at each new session, but for some: those that have told a token do not tell it again. */
const BACK =
  'It comes back at the app’s next session; for Siskin and Snikket, which register once alone, switch its notifications off and on in the app.'

/** Sentences for people; never empty. */
export function findings(facts: PushFacts): string[] {
  const last = facts.verdicts[0]
  // What was decided about it says more than how things stand now.
  const own = facts.message && last ? [`This message: ${inWords(last)}.`] : []
  const found = [...own, ...ofServer(facts), ...ofAccount(facts)]
  if (found.length === 0 && last) found.push(`The last push: ${inWords(last)}.`)
  if (found.length === 0)
    found.push('No push was decided yet: nobody has written since the device registered.')
  return found
}

function ofServer({ target, running, paused }: PushFacts): string[] {
  const found: string[] = []
  if (target === 'off') found.push('Push is off: no [[push.apps]] is configured.')
  if (target === 'simulator')
    found.push('Pushes go to the simulator: no phone rings. Remove [push] simulator.')
  if (!running) found.push('The server is stopped: start it with belfry serve.')
  for (const { lane, reason, detail } of paused)
    found.push(`Push rests at ${lane}: ${reason}, ${withDetail(reasonInWords(reason), detail)}.`)
  return found
}

function ofAccount({ disabled, devices, awake, own = [], waiting, verdicts }: PushFacts): string[] {
  const found: string[] = []
  if (disabled) found.push('The account is disabled.')
  const gone = verdicts.find(({ verdict }) => verdict === 'forgotten')
  if (devices.length === 0) {
    const why = gone ? ` The last one was removed: ${reasonInWords(gone.reason ?? gone.rule)}. ${BACK}` : ''
    found.push(`No device is registered: the app must enable push (XEP-0357, POST /v1/me/devices).${why}`)
  }
  for (const { id, lastReason } of devices)
    if (lastReason !== null) found.push(`Device ${id}: ${lastReason}, ${reasonInWords(lastReason)}.`)
  if (awake.length > 0)
    found.push(`${awake.join(', ')} is connected and takes messages: then phones stay quiet.`)
  for (const { id, session } of own)
    found.push(`Device ${id} is ${session}: what that has shown does not ring there.`)
  if (waiting > 0) found.push(`${waiting} of its pushes wait for an answer.`)
  return found
}
