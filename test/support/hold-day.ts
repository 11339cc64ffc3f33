/**
 * A day of somebody with a phone and a desk, on the real server and a clock that stands still until it is advanced: the
 * same messages, and the same comings and goings, whatever the settings. What the phone does with them is counted.
 */
import { seededRandom } from './clock.ts'
import { atDesk, cast, chat, FULL, passes, says } from './phones.ts'
import { play } from './world.ts'

export interface DayFigures {
  /** Messages that were read on the desk; those of them for which the phone rang all the same. */
  readonly atDesk: number
  readonly twice: number
  /** Messages that came while nobody sat there, and the delay of their rings (s). */
  readonly away: number
  readonly median: number
  readonly mean: number
}

const DAY_S = 8 * 3600
/** Streams on which nobody says anything stay. */
const LIMITS = '[limits]\nrates = false\nidle_ping = "1d"\nidle_timeout = "1d"'
const TYPES = `<message to='nurse@bix.org' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`
const marker = (id: string) =>
  `<message to='romeo@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/></message>`

/** A stay of somebody at the desk, in seconds of the day, and what has come while it lasted. */
interface Stay {
  readonly from: number
  readonly to: number
}

/** Draws that are the same each day. */
function chances(seed: number) {
  const random = seededRandom(seed)
  const draw = () => random.bytes(4).readUInt32BE() / 2 ** 32
  return {
    between: (from: number, to: number) => Math.round(from + draw() * (to - from)),
    /** Waits between things that come by chance, `mean` seconds on the average. */
    wait: (mean: number) => Math.max(1, Math.round(-Math.log(1 - draw()) * mean)),
  }
}

/**
 * Eight hours: stays of 5 minutes on the average, and as long away, with the desk left open; a sign of use every 25 s on
 * the average; a message every 2 minutes, read at the desk after 3 to 45 s if the person is still there.
 */
export async function holdDay(settings: string): Promise<DayFigures> {
  const { between, wait } = chances(15)
  const stays: Stay[] = []
  for (let at = 0; at < DAY_S;) {
    const to = Math.min(DAY_S, at + wait(300))
    stays.push({ from: at, to })
    at = to + wait(300)
  }
  const acts: { at: number; act: () => Promise<void> }[] = []
  using p = play({ toml: `${FULL.replace('[push]', `[push]\n${settings}`)}\n${LIMITS}` })
  const { romeo } = await cast(p)
  const desk = await atDesk(p)
  const came = new Map<string, number>()
  const read = new Set<string>()
  const rung = new Map<string, number>()
  let now = 0
  p.store.push.queued = ({ kind, body }) => {
    if (kind === 'body') rung.set(body ?? '', now)
  }
  const reads = async (id: string): Promise<void> => {
    read.add(id)
    await says(desk, marker(id))
  }
  const writes = async (id: string): Promise<void> => {
    came.set(id, now)
    await says(romeo, chat(id), desk)
  }
  for (const { from, to } of stays)
    for (let at = from; at < to; at += wait(25)) acts.push({ at, act: () => says(desk, TYPES) })
  for (let at = wait(120); at < DAY_S; at += wait(120)) {
    const id = `m${at}`
    const seen = at + between(3, 45)
    acts.push({ at, act: () => writes(id) })
    if (stays.some(({ from, to }) => from <= at && seen < to)) acts.push({ at: seen, act: () => reads(id) })
  }
  acts.push({ at: DAY_S + 120, act: () => Promise.resolve() })
  for (const { at, act } of acts.sort((a, b) => a.at - b.at)) {
    while (now < at) {
      // Second by second where something waits.
      const step = p.store.push.counts().held > 0 ? 1 : at - now
      now += step
      await passes(p, step * 1_000)
    }
    await act()
  }
  const delays = [...came].filter(([id]) => !read.has(id)).map(([id, at]) => (rung.get(id) ?? NaN) - at)
  delays.sort((a, b) => a - b)
  return {
    atDesk: read.size,
    twice: [...read].filter((id) => rung.has(id)).length,
    away: delays.length,
    median: delays[Math.floor(delays.length / 2)] ?? NaN,
    mean: delays.reduce((sum, s) => sum + s, 0) / delays.length,
  }
}

/** A row of the table that the documentation has. */
export const dayRow = (within: string, hold: string, day: DayFigures): string =>
  `| ${within} | ${hold} | ${day.twice} of ${day.atDesk} | ${day.median} s | ${day.mean.toFixed(1)} s |`
