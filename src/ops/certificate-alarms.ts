/** Alarms about certificates near their end: a line of the log at each level, once, and sentences while they hold. */
import { getLogger } from '../log.ts'
import { certificateAlarms } from '../metrics/metrics.ts'

const log = getLogger('tls')

const DAY = 86_400_000
/** Days left; of a certificate that lives for less than 90 days the same parts of its life. */
const LEVELS = [21, 7, 1, 0] as const
/** The first two of them, as doctor and the web admin tell them. */
export const [SOON_DAYS, NOW_DAYS] = LEVELS
const FULL_LIFE = 90 * DAY

export interface Ending {
  readonly name: string
  readonly serial: string
  readonly notBefore: Date
  readonly notAfter: Date
}

/** The level that is reached: the days that it stands for, or undefined where there is time. */
export function levelOf(
  { notBefore, notAfter }: Omit<Ending, 'name' | 'serial'>,
  now: number,
): number | undefined {
  const end = notAfter.getTime()
  const part = Math.min(1, (end - notBefore.getTime()) / FULL_LIFE)
  return LEVELS.findLast((days) => end - now <= days * DAY * part)
}

export class CertificateAlarms {
  /** The level that was told last, by serial. */
  readonly #told = new Map<string, number>()

  /** To be told of every look; `why` says why a certificate was not renewed. */
  look(endings: readonly Ending[], now: number, why: (name: string) => string | undefined): string[] {
    const raised = endings.flatMap((ending) => {
      const level = levelOf(ending, now)
      return level === undefined ? [] : [{ ...ending, level, text: sentence(ending, now, why(ending.name)) }]
    })
    for (const { name, serial, notAfter, level, text } of raised) {
      if ((this.#told.get(serial) ?? Infinity) <= level) continue
      this.#told.set(serial, level)
      log.error('a certificate nears its end', {
        name,
        serial,
        not_after: notAfter.toISOString(),
        level,
        alarm: text,
      })
    }
    for (const serial of this.#told.keys())
      if (!raised.some((one) => one.serial === serial)) this.#told.delete(serial)
    certificateAlarms.set(raised.length)
    return raised.map(({ text }) => text)
  }
}

function sentence({ name, notAfter }: Ending, now: number, why: string | undefined): string {
  const left = (notAfter.getTime() - now) / DAY
  const when =
    left <= 0
      ? 'has ended'
      : left < 2
        ? `ends in ${Math.ceil(left * 24)} h`
        : `ends in ${Math.floor(left)} days`
  return `the certificate of ${name} ${when}${why === undefined ? '' : `: ${why}`}`
}
