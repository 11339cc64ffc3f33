/** The whole program, put together from top to bottom: store and road, push, streams, HTTP, listeners, housekeeping. */
import { SQLiteError } from 'bun:sqlite'
import { statSync } from 'node:fs'
import { isWithoutAdmin, SetupLink } from '../accounts/first-admin.ts'
import type { Config } from '../config/config.ts'
import type { HttpDeps } from '../http/deps.ts'
import type { WebStreams } from '../http/door.ts'
import { lazily } from '../http/serve.ts'
import { getLogger } from '../log.ts'
import { LogTail } from '../log/tail.ts'
import {
  commitFailures,
  commitRows,
  commitSeconds,
  databaseBytes,
  startMetrics,
  walBytes,
} from '../metrics/metrics.ts'
import { fileLimit } from '../net/sockets.ts'
import { Backups } from '../ops/backups.ts'
import { Ballast } from '../ops/ballast.ts'
import { databaseFile } from '../ops/data-dir.ts'
import { startFigures } from '../ops/figures.ts'
import { startHousekeeping } from '../ops/housekeeping.ts'
import { Jobs } from '../ops/jobs.ts'
import { needsRestart, takeOver } from '../ops/live-keys.ts'
import { ReloadWatch, StorageWatch } from '../ops/watch.ts'
import { outdated } from '../push/schedule/outdated.ts'
import { removalOf } from '../push/schedule/removals.ts'
import { Checkpointer } from '../store/checkpoint.ts'
import { type Clock, systemClock, systemRandom } from '../store/clock.ts'
import type { TurnHost } from '../store/turn-host.ts'
import type { RunTrip } from '../store/tx.ts'
import { DatabaseBusy } from '../store/write-lock.ts'
import { measureRooms } from '../rooms/figures.ts'
import { ClientStreams } from '../stream/listener.ts'
import { preauthLimits } from '../stream/stream-limits.ts'
import { BoshSessions } from '../stream/transports/bosh/sessions.ts'
import { Batch } from '../stream/transports/transport.ts'
import { WebSocketTransport } from '../stream/transports/websocket.ts'
import { UploadSweep } from '../uploads/sweep.ts'
import { VERSION } from '../version.ts'
import { CertificateKeeper } from './certificate-keeper.ts'
import { Certificates } from './certificates.ts'
import { type Core, openCore } from './core.ts'
import { type Address, Listeners } from './listeners.ts'
import { LivePush } from './live-push.ts'
import { readinessOf } from './readiness.ts'

const log = getLogger('server')

export interface Server {
  readonly addresses: readonly Address[]
  /** Path of the link by which the first administrator is made; a secret. Undefined where there is one. */
  readonly setupPath: string | undefined
  /** Takes over what can change while running and names what cannot. Throws, and changes nothing, where a file is bad. */
  reload(next: Config): Promise<string[]>
  /** Reloads of the configuration: the command that serves notes here those that are refused, and says how one is made. */
  readonly reloads: Pick<ReloadWatch, 'refused' | 'ask'>
  stop(): Promise<void>
}

/** Rejects with one sentence for the operator, everything that was opened before closed again. */
export async function startServer(config: Config, clock: Clock = systemClock): Promise<Server> {
  const opened = new AsyncDisposableStack()
  try {
    return await assemble(config, clock, opened)
  } catch (error) {
    await opened.disposeAsync()
    throw error
  }
}

/** Resources that were opened later are closed earlier. */
async function assemble(config: Config, clock: Clock, opened: AsyncDisposableStack): Promise<Server> {
  opened.defer(startMetrics(VERSION))
  const batch = new Batch()
  const late: { streams?: ClientStreams } = {}
  const ballast = new Ballast(config.data_dir, config.storage.ballast, systemRandom)
  const turn = turnHost(config, clock, { batch, ballast, abort: () => late.streams?.abort() })
  const core = openCore(config, { clock, turn, warn: (warning) => log.warn(warning) }, opened)
  const { world, router } = core
  const checkpointer = openCheckpointer(core, opened)

  const certificates = await CertificateKeeper.open(core)
  const push = openPush(core)
  opened.defer(() => push.stop())
  const streams = await openStreams(core, certificates.inForce)
  late.streams = streams
  opened.defer(() => streams.stop())
  router.start()

  const kept = openKept(core, opened)
  const reloads = new ReloadWatch(clock)
  const readiness = readinessOf({
    ...core,
    ...kept,
    push,
    certificates,
    reloads,
    addresses: () => listeners.addresses,
  })
  const setup = isWithoutAdmin(world) ? SetupLink.make(world) : undefined
  const web = webStreams(core, batch, streams)
  const deps: HttpDeps = {
    ...doorsOf(core, push),
    ...kept,
    readiness,
    setup: setup?.link,
    web,
    certificates,
    reloads,
  }
  const http = lazily(async () => (await import('../http/app.ts')).createApp(deps))
  const listeners = new Listeners({ config, certificates: certificates.inForce, streams, batch, http, clock })
  // Behind the streams, whatever they meet: those over HTTP say goodbye on sockets that end with their listener.
  opened.defer(() => listeners.close())
  opened.defer(() => lastWords(core, streams))
  await listeners.open()
  // After the listeners, since a simulator makes its certificate first: what is queued meanwhile waits in its table.
  await push.use(config)

  opened.defer(certificates.start(listeners))
  const figures = () => takeFigures(core, { checkpointer, readiness, push, ballast })
  opened.defer(keepHouse(core, figures))

  return {
    addresses: listeners.addresses,
    setupPath: setup?.path,
    reload: async (next) => reloads.good(await reload(core, next, push, certificates)),
    reloads,
    stop: () => opened.disposeAsync(),
  }
}

type Kept = Required<Pick<HttpDeps, 'backups' | 'jobs' | 'logs'>>

function openKept(core: Core, opened: AsyncDisposableStack): Kept {
  const { config, clock, router } = core
  const jobs = new Jobs(clock)
  const backups = new Backups({ config, clock, jobs, run: (f) => router.run(f), version: VERSION })
  opened.defer(backups.start())
  const logs = new LogTail()
  opened.defer(logs.start())
  return { backups, jobs, logs }
}

function openCheckpointer({ store, clock }: Core, opened: AsyncDisposableStack): Checkpointer {
  const checkpointer = new Checkpointer(store.db, clock, (bytes) =>
    log.error('the write-ahead log is too large', { bytes }),
  )
  opened.defer(() => checkpointer.stop())
  return checkpointer
}

async function lastWords({ store }: Core, streams: ClientStreams): Promise<void> {
  await streams.lastAcks()
  streams.stop()
  store.turn.end()
}

interface Measured {
  readonly checkpointer: Checkpointer
  readonly readiness: HttpDeps['readiness']
  readonly push: LivePush
  readonly ballast: Ballast
}

function takeFigures({ config, world }: Core, { checkpointer, readiness, push, ballast }: Measured): void {
  measureStore(config, checkpointer)
  // A look that fails, as where the data directory is gone, must not end the process.
  readiness().catch((error: unknown) => log.error('readiness could not be told', { error }))
  push.measure()
  measureRooms(world)
  if (world.uptime() > BALLAST_AFTER) void ballast.look()
}

function measureStore({ data_dir: dataDir }: Config, checkpointer: Checkpointer): void {
  walBytes.set(checkpointer.walBytes())
  databaseBytes.set(statSync(databaseFile(dataDir), { throwIfNoEntry: false })?.size ?? 0)
}

/** Milliseconds: a start has better things to do with the disk. */
const BALLAST_AFTER = 60_000

/** `abort` closes every stream unanswered. */
function turnHost(
  config: Config,
  clock: Clock,
  { batch, ballast, abort }: { batch: Batch; ballast: Ballast; abort: () => void },
): TurnHost {
  const storage = new StorageWatch(clock, databaseFile(config.data_dir))
  return {
    flushed: () => batch.flush(),
    committed(ms, trips) {
      commitSeconds.observe(ms / 1000)
      commitRows.observe(trips)
    },
    fails(cause) {
      commitFailures.inc({ cause: causeOf(cause) })
      storage.fails(cause)
      if (causeOf(cause) === 'SQLITE_FULL') ballast.free()
    },
    stores: () => storage.stores(),
    fatal(cause) {
      commitFailures.inc({ cause: 'unknown-outcome' })
      log.error('the disk failed while a commit was written; its outcome is unknown, so the server ends', {
        error: cause,
      })
      abort()
      process.exit(1)
    },
  }
}

/** A word of a closed set: each value of a label is memory for ever. */
function causeOf(cause: unknown): string {
  if (cause instanceof DatabaseBusy) return 'held-lock'
  return cause instanceof SQLiteError ? (cause.code ?? 'other') : 'other'
}

function openPush({ store, world, router, clock, random }: Core): LivePush {
  return new LivePush({
    push: store.push,
    badges: store.badges,
    reports: store.pushReports,
    outdated: (job, counts) => outdated(world, job, counts),
    removal: (job) => removalOf(world, job),
    vapid: (key) => store.vapidKeys.find(key),
    run: (f) => router.run(f),
    clock,
    random,
  })
}

async function openStreams(core: Core, { identity }: Certificates): Promise<ClientStreams> {
  const { world, router, features, clock, logins: auth } = core
  const nobody = await router.run((t) => t.store.settings.secret('unknown-users'))
  const context = { world, router, features, clock, auth, nobody, identity }
  return new ClientStreams(context, mostConnections(core.config))
}

/** Streams over HTTP. */
function webStreams(core: Core, batch: Batch, streams: ClientStreams): WebStreams {
  const { config, clock, random, store, world } = core
  const accept = streams.accept.bind(streams)
  const bosh = new BoshSessions({
    config,
    hosts: world.domains.hosts,
    clock,
    random,
    batch,
    after: (f) => store.turn.after(f),
    accept,
    limits: preauthLimits(config).reader,
  })
  return {
    bosh: (body, client, gone) => bosh.serve(body, client, gone),
    webSocket: (client) => new WebSocketTransport(client, { batch, accept }),
  }
}

/** The part of the server that the API, the admin pages and the CLI reach. */
function doorsOf(core: Core, push: LivePush): Omit<HttpDeps, 'readiness'> {
  const { config, world, router, logins, clock } = core
  return {
    world,
    router,
    logins,
    clock,
    online: true,
    push,
    pushTarget: () => push.describe(config),
    pushTest: (account) => push.test(account),
  }
}

function keepHouse({ config, store, clock, router, world }: Core, figures: () => void): () => void {
  const run: RunTrip = (f) => router.run(f)
  const endSweep = new UploadSweep(world, run).start()
  const end = startHousekeeping({ ...config, store, clock, run, figures })
  const endFigures = startFigures(clock, run)
  return () => {
    endFigures()
    endSweep()
    end()
  }
}

async function reload(
  { config, router }: Core,
  next: Config,
  push: LivePush,
  certificates: CertificateKeeper,
): Promise<string[]> {
  const waiting = needsRestart(config, next)
  if (waiting.length > 0) log.warn(`needs a restart: ${waiting.join(', ')}`)
  // Each of these throws before it changes anything.
  await Certificates.check(next)
  await push.use({
    ...config,
    push: { ...config.push, apps: next.push.apps, fcm: next.push.fcm, webpush: next.push.webpush },
    webhook: next.webhook,
  })
  const taken = takeOver(config, next)
  await certificates.reload()
  if (taken.length > 0) await router.run((t) => t.store.audit.note('configuration changed', { keys: taken }))
  return taken
}

/** Files of the server's own (database, listeners, Apple): once the last is taken, accepting takes all of the CPU. */
const OWN_FILES = 32

/** limits.connections, or four fifths of what the process may open. */
function mostConnections({ limits }: Config): number {
  if (limits.connections > 0) return limits.connections
  const files = fileLimit()
  return Math.max(1, Math.min(Math.floor(files * 0.8), files - OWN_FILES))
}
