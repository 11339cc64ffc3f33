/** A machine for one row: a folder in the place of "/", a data directory, a configuration; all of it well until the row spoils it. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Config, defaults } from '../../../src/config/config.ts'
import type { DoctorWorld, Live, Status } from '../../../src/ops/doctor/check.ts'
import type { Names } from '../../../src/ops/doctor/names.ts'
import { openNames } from '../../../src/ops/doctor/names.ts'
import { AcmeFiles } from '../../../src/ops/acme/kept.ts'
import { createSelfSigned } from '../../../src/self-signed.ts'
import { VERSION } from '../../../src/version.ts'
import { type Records, serveDns } from '../../support/dns.ts'

export const NOW = Date.UTC(2026, 10, 30, 12)
export const DAY = 86_400_000

type Writable<T> = { -readonly [K in keyof T]: T[K] }

export interface Row {
  readonly id: string
  readonly status: Status
  /** Words of what is told. */
  readonly why?: string
  /** Spoils it, or mends what is spoilt from the start; what it returns is waited for. */
  readonly given: (t: Trial) => unknown
}

export const row = (id: string, status: Status, why: string, given: Row['given'] = () => {}): Row => ({
  id,
  status,
  why,
  given,
})

export const live = (): Writable<Live> => ({
  version: VERSION,
  uptime: 3_600_000,
  readiness: [{ name: 'store', ok: true, detail: 'writes' }],
  alarms: [],
  lanes: [],
  oldestPush: undefined,
  deadLetters: 0,
  devices: 2,
  sessions: 3,
  bans: 0,
  hasAdmin: true,
  adminsWithoutAccount: [],
  crowded: async () => ({ boxes: 0, unread: 0 }),
  probe: async () => [],
})

export class Trial {
  readonly dir = mkdtempSync(join(tmpdir(), 'belfry-doctor-'))
  readonly root = join(this.dir, 'root')
  readonly data = join(this.dir, 'data')
  readonly config: Config = defaults()
  readonly problems: string[] = []
  readonly env: Record<string, string> = {}
  readonly closing: (() => unknown)[] = []
  live: Writable<Live> | undefined = live()
  now = NOW
  uid = 999
  offline = false
  names: Names = openNames('127.0.0.1:1')

  constructor() {
    mkdirSync(this.root)
    mkdirSync(this.data, { mode: 0o750 })
    Object.assign(this.config, { data_dir: this.data, hosts: ['bix.org'] })
    this.config.push.simulator = false
  }

  /** A file below the machine's "/", or at a whole path of the trial's own. */
  put(path: string, text: string, mode = 0o644): string {
    const file = path.startsWith(this.dir) ? path : join(this.root, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    chmodSync(file, mode)
    return file
  }

  /** A pair under [tls], for these names and from that time on. */
  pair(names: readonly string[] = ['bix.org'], from = NOW): { cert: string; key: string } {
    const made = createSelfSigned(names, from)
    this.config.tls.cert = this.put(join(this.dir, 'cert.pem'), made.cert)
    this.config.tls.key = this.put(join(this.dir, 'key.pem'), made.key, 0o640)
    return { cert: this.config.tls.cert, key: this.config.tls.key }
  }

  /** What an authority has given. */
  fetched(from = NOW): void {
    const made = createSelfSigned(['bix.org'], from)
    Object.assign(this.config.acme, { email: 'you@bix.org', agree: true })
    new AcmeFiles(this.data).keep('bix.org', made.cert, made.key)
  }

  /** The configuration's file. */
  file(toml = 'hosts = ["bix.org"]\n', mode = 0o640): string {
    const file = this.put(
      join(this.dir, 'belfry.toml'),
      `data_dir = ${JSON.stringify(this.data)}\n${toml}`,
      mode,
    )
    Object.assign(this.config, { source: { file, warnings: [] } })
    return file
  }

  async dns(records: Records): Promise<void> {
    const server = await serveDns(records)
    this.closing.push(() => server.stop())
    this.names = openNames(server.address)
  }

  world(): DoctorWorld {
    const { config, problems, now, root, env, uid, offline, names, live: running } = this
    return { config, problems, now, root, env, uid, offline, names, ...(running ? { live: running } : {}) }
  }

  async close(): Promise<void> {
    for (const close of this.closing) await close()
    rmSync(this.dir, { recursive: true, force: true })
  }
}
