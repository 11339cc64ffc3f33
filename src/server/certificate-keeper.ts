/** Keeps the certificates in force: looks at their files, fetches those of an authority, and tells when one nears its end. */
import type { CertificateDoor, CertificateView } from '../http/deps.ts'
import { getLogger } from '../log.ts'
import { asciiName } from '../ops/acme/orders.ts'
import { type OrderState, Renewal } from '../ops/acme/renewal.ts'
import { CertificateAlarms } from '../ops/certificate-alarms.ts'
import { watchFiles } from '../ops/watch-files.ts'
import { actingAs } from '../store/audit.ts'
import { certificateFiles, Certificates } from './certificates.ts'
import type { Core } from './core.ts'
import type { Listeners } from './listeners.ts'

const log = getLogger('tls')

export class CertificateKeeper implements CertificateDoor {
  readonly #core: Core
  readonly #renewal: Renewal
  readonly #alarms = new CertificateAlarms()
  #listeners: Pick<Listeners, 'renewCertificates'> | undefined

  private constructor(
    core: Core,
    readonly inForce: Certificates,
  ) {
    const { config, clock, random } = core
    this.#core = core
    this.#renewal = new Renewal({
      ...{ config, clock, random },
      renewed: async (order, facts) => {
        await this.putInForce()
        await core.router.run((t) =>
          t.store.audit.note('certificate fetched', { name: order.host, ...facts }),
        )
      },
    })
  }

  static async open(core: Core): Promise<CertificateKeeper> {
    return new CertificateKeeper(core, await Certificates.load(core.config))
  }

  /** Once they listen; returns what ends it. */
  start(listeners: Pick<Listeners, 'renewCertificates'>): () => Promise<void> {
    this.#listeners = listeners
    const { config, clock } = this.#core
    const endWatch = watchFiles(
      clock,
      () => certificateFiles(config),
      () => {
        this.putInForce().catch((error: unknown) =>
          log.error('the changed certificate is not used', { error }),
        )
      },
    )
    this.#tellOfWaiting()
    // A renewal by the clock is the server's own doing, not that of whoever reloads.
    const endRenewal = actingAs({ by: 'server', door: 'acme' }, () => this.#renewal.start())
    return async () => {
      endWatch()
      await endRenewal()
    }
  }

  /** After the configuration has changed. Throws where a file is broken; the certificates before stay in force. */
  async reload(): Promise<void> {
    await this.putInForce()
    actingAs({ by: 'server', door: 'acme' }, () => this.#renewal.look())
  }

  async putInForce(): Promise<void> {
    if (await this.inForce.reload(this.#core.config)) await this.#listeners?.renewCertificates()
  }

  list(): CertificateView[] {
    const now = this.#core.clock.now()
    const states = this.#states()
    const views = this.inForce.list().map(({ name, origin, cert, material }): CertificateView => {
      const { names, serial, issuer, notBefore, notAfter } = material
      const days = Math.floor((notAfter.getTime() - now) / 86_400_000)
      const state = origin === 'acme' ? states.get(name) : undefined
      if (state) states.delete(name)
      const times = {
        not_before: notBefore.toISOString(),
        not_after: notAfter.toISOString(),
        days_left: days,
      }
      return { name, origin, file: cert, names, issuer, serial, ...times, ...orderView(state) }
    })
    const waiting = [...states.values()].map((state): CertificateView => ({
      ...{ name: state.host, origin: 'none', file: null, names: state.names, issuer: null, serial: null },
      ...{ not_before: null, not_after: null, days_left: null, ...orderView(state) },
    }))
    return [...views, ...waiting]
  }

  alarms(): string[] {
    const states = this.#states()
    const endings = this.inForce
      .list()
      .filter(({ origin }) => origin !== 'self-signed')
      .map(({ name, material }) => ({ name, ...material }))
    const raised = this.#alarms.look(
      endings,
      this.#core.clock.now(),
      (name) => states.get(name)?.failure?.error,
    )
    const without = [...states.values()]
      .filter(({ fetched }) => !fetched)
      .map(
        ({ host, failure }) =>
          `${host} has no certificate of an authority yet: ${failure?.error ?? 'it is being fetched'}`,
      )
    return [...raised, ...without]
  }

  async renew(host?: string): Promise<void> {
    await this.#renewal.renew(host)
  }

  answer(token: string): string | undefined {
    return this.#renewal.challenges.find(token)
  }

  /** By the names under which certificates are listed. */
  #states(): Map<string, OrderState> {
    return new Map(this.#renewal.states().map((state) => [asciiName(state.host), state]))
  }

  #tellOfWaiting(): void {
    const hosts = this.#renewal.states().flatMap(({ host, fetched }) => (fetched ? [] : [host]))
    if (hosts.length > 0)
      log.warn('a certificate that the server signed itself is used until the authority has given one', {
        hosts,
      })
    else if (this.#core.config.acme.email !== undefined && this.#renewal.states().length === 0)
      log.warn('[acme] fetches nothing: no host has a public name, or [tls] has its own certificates')
  }
}

function orderView(state: OrderState | undefined): Pick<CertificateView, 'next' | 'failures' | 'error'> {
  if (!state) return { next: null, failures: 0, error: null }
  const { next, failure } = state
  return {
    next: next > 0 ? new Date(next).toISOString() : null,
    failures: failure?.failures ?? 0,
    error: failure?.error ?? null,
  }
}
