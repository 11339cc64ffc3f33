/** The certificates in force: chosen by name at each handshake, replaced as a whole when they or their paths change. */
import type { Config } from '../config/config.ts'
import { getLogger } from '../log.ts'
import { certificateExpiry } from '../metrics/metrics.ts'
import { AcmeFiles } from '../ops/acme/kept.ts'
import { ordersOf } from '../ops/acme/orders.ts'
import { type CertificateStore, loadCertificates, type Pair } from '../stream/tls.ts'
import type { Identity } from '../stream/transports/transport.ts'

const log = getLogger('tls')

export class Certificates {
  #store: CertificateStore
  readonly #hosts: readonly string[]

  private constructor(store: CertificateStore, hosts: readonly string[]) {
    this.#store = store
    this.#hosts = hosts
  }

  static async load(config: Config): Promise<Certificates> {
    const certificates = new Certificates(await read(config), config.hosts)
    certificates.#tell()
    return certificates
  }

  /** Throws CertificateError where a file that this configuration names cannot be used. */
  static async check(config: Config): Promise<void> {
    await read(config)
  }

  /** The first host's where no name is known. */
  readonly identity = (name?: string): Identity => this.#store.forName(name ?? this.#hosts[0] ?? 'localhost')

  /** Every pair with its name and where it comes from, that for unknown names last. */
  list(): Pair[] {
    return this.#store.list()
  }

  /** Reads every file anew; true if something is different now. Throws, and changes nothing, where one is broken. */
  async reload(config: Config): Promise<boolean> {
    const before = new Map(this.#store.list().map(({ name, material }) => [name, material.serial]))
    this.#store = await read(config)
    const fresh = this.#store.list().filter(({ name, material }) => before.get(name) !== material.serial)
    for (const { name, material } of fresh) {
      log.info('certificate reloaded', { name, oldSerial: before.get(name), newSerial: material.serial })
    }
    this.#tell()
    return fresh.length > 0 || before.size !== this.#store.list().length
  }

  #tell(): void {
    for (const warning of this.#store.warnings()) log.warn(warning)
    certificateExpiry.reset()
    for (const { name, material } of this.#store.list()) {
      certificateExpiry.labels(name).set(material.notAfter.getTime() / 1000)
    }
  }
}

/** The files that the configuration names; our own is renewed at a start, and those of an authority tell of themselves. */
export function certificateFiles({ tls }: Config): string[] {
  return [tls, ...tls.hosts].flatMap(({ cert, key }) => [cert, key]).filter((file) => file !== undefined)
}

const read = (config: Config): Promise<CertificateStore> =>
  loadCertificates({
    tls: config.tls,
    fetched: fetched(config),
    dataDir: config.data_dir,
    hosts: config.hosts,
  })

/** Those that can be used: one that cannot is fetched anew, and the start does not wait for that. */
function fetched(config: Config): { name: string; file: string }[] {
  const files = new AcmeFiles(config.data_dir)
  return ordersOf(config)
    .filter(({ host }) => files.certificate(host) !== undefined)
    .map(({ host }) => ({ name: host, file: files.pairOf(host) }))
}
