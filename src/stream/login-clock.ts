/** The time from connect to a finished login; once, it is longer, where a person fills in a form meanwhile. */
import type { Config } from '../config/config.ts'
import { limitsHit } from '../metrics/metrics.ts'
import type { Clock } from '../store/clock.ts'

export class LoginClock {
  readonly #clock: Clock
  readonly #limits: Config['limits']
  readonly #tooSlow: () => void
  #cancel: (() => void) | undefined
  #end: number
  #isExtended = false

  constructor(clock: Clock, limits: Config['limits'], tooSlow: () => void) {
    this.#clock = clock
    this.#limits = limits
    this.#tooSlow = tooSlow
    this.#end = clock.monotonic() + limits.preauth_timeout
    this.#start('preauth_timeout')
  }

  /** From here on limits.registration_form_timeout holds, unless the end is later anyway. */
  extend(): void {
    if (!this.#cancel || this.#isExtended) return
    this.#isExtended = true
    const end = this.#clock.monotonic() + this.#limits.registration_form_timeout
    if (end <= this.#end) return
    this.#end = end
    this.#cancel()
    this.#start('registration_form_timeout')
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #start(limit: string): void {
    this.#cancel = this.#clock.after(this.#end - this.#clock.monotonic(), () => {
      limitsHit.inc({ limit })
      this.#tooSlow()
    })
  }
}
