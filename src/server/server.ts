/** The whole program, put together: store, road, streams, push, listeners. Reads from top to bottom; nothing else wires. */
import type { Config } from '../config/config.ts'
import { features } from '../features/index.ts'
import type { HttpDeps } from '../http/deps.ts'
import { lazily } from '../http/serve.ts'
import { getLogger } from '../log.ts'
import {
  commitFailures,
  commitRows,
  commitSeconds,
  reloadSuccess,
  startMetrics,
  walBytes,
} from '../metrics/metrics.ts'
import { fileLimit } from '../net/sockets.ts'
import { databaseFile, prepareDataDir } from '../ops/data-dir.ts'
import { startHousekeeping } from '../ops/housekeeping.ts'
import { needsRestart, takeOver } from '../ops/live-keys.ts'
import { checkDisk, FileCheck, StoreCheck } from '../ops/readiness.ts'
import { ReadinessWatch, StorageWatch } from '../ops/watch.ts'
import { watchFiles } from '../ops/watch-files.ts'
import { AuthLimiter, neverBanned } from '../limits/auth-limiter.ts'
import { isWithoutAdmin, SetupLink } from '../accounts/first-admin.ts'
import { outdated } from '../push/schedule/outdated.ts'
import { createWorld } from '../routing/world.ts'
import { certificateFiles, Certificates } from './certificates.ts'
import { type Address, Listeners } from './listeners.ts'
import { LivePush } from './live-push.ts'
import { Checkpointer } from '../store/checkpoint.ts'
import { type Clock, systemClock, systemRandom } from '../store/clock.ts'
import { takeLock } from '../store/lock.ts'
import { openStore } from '../store/store.ts'
import { BoshSessions } from '../stream/transports/bosh/sessions.ts'
import { preauthLimits } from '../stream/stream-limits.ts'
import { ClientStreams } from '../stream/listener.ts'
import { Batch } from '../stream/transports/transport.ts'
import { WebSocketTransport } from '../stream/transports/websocket.ts'
import { VERSION } from '../version.ts'

const log = getLogger('server')

export interface Server {
  readonly addresses: readonly Address[]
  /** Path of the link by which the first administrator is made; a secret. Undefined where there is one. */
  readonly setupPath: string | undefined
  /** Takes over what can change while running and names what cannot. Throws, and changes nothing, where a file is bad. */
  reload(next: Config): Promise<void>
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

/** What is opened later is closed earlier. */
async function assemble(config: Config, clock: Clock, opened: AsyncDisposableStack): Promise<Server> {
  const random = systemRandom
  for (const warning of prepareDataDir(config.data_dir)) log.warn(warning)
  const lock = takeLock(config.data_dir)
  opened.defer(() => lock.release())
  opened.defer(startMetrics(VERSION))

  const batch = new Batch()
  const file = databaseFile(config.data_dir)
  const storage = new StorageWatch(clock, file)
  const late: { streams?: ClientStreams } = {}
  const store = openStore(file, {
    flushed: () => batch.flush(),
    committed(ms, trips) {
      commitSeconds.observe(ms / 1000)
      commitRows.observe(trips)
    },
    fails: (cause) => storage.fails(cause),
    stores: () => storage.stores(),
    fatal(cause) {
      commitFailures.inc({ cause: 'unknown-outcome' })
      log.error('the disk failed while a commit was written; its outcome is unknown, so the server ends', {
        error: cause,
      })
      late.streams?.abort()
      process.exit(1)
    },
  })
  opened.defer(() => store.close())
  store.turn.lock.block(config.limits.write_lock_wait)
  const checkpointer = new Checkpointer(store.db, clock, (bytes) =>
    log.error('the write-ahead log is too large', { bytes }),
  )
  opened.defer(() => checkpointer.stop())

  const list = features(config)
  const { world, router } = createWorld({ config, store, features: list, clock, random })
  const certificates = await Certificates.load(config)
  const push = new LivePush({
    push: store.push,
    badges: store.badges,
    reports: store.pushReports,
    outdated: (job, counts) => outdated(world, job, counts),
    run: (f) => router.run(f),
    clock,
    random,
  })
  opened.defer(() => push.stop())

  const logins = new AuthLimiter(clock, config.limits, neverBanned(config))
  const nobody = await router.run((t) => t.store.settings.secret('unknown-users'))
  const { identity } = certificates
  const context = { world, router, features: list, clock, auth: logins, nobody, identity }
  const streams = new ClientStreams(context, mostConnections(config))
  late.streams = streams
  opened.defer(() => streams.stop())
  router.start()

  const accept = streams.accept.bind(streams)
  const bosh = new BoshSessions({
    config,
    hosts: world.hosts,
    clock,
    random,
    batch,
    after: (f) => store.turn.after(f),
    accept,
    limits: preauthLimits(config).reader,
  })
  const writes = new StoreCheck(
    store,
    (f) => router.run(f),
    () => clock.monotonic(),
  )
  const database = new FileCheck(file)
  const watch = new ReadinessWatch()
  const readiness = async () => {
    const ports = listeners.addresses
      .filter(({ port }) => port > 0)
      .map(({ name, port }) => `${name} ${port}`)
    const checks = [
      await writes.look(),
      database.look(),
      checkDisk(config.data_dir),
      { name: 'listeners', ok: true, detail: ports.join(', ') },
      { name: 'push', ok: true, degraded: push.degraded, detail: push.describe(config) },
    ]
    watch.note(checks)
    return checks
  }
  const setup = isWithoutAdmin(world) ? SetupLink.make(world) : undefined
  const deps: HttpDeps = {
    world,
    router,
    logins,
    clock,
    pushTarget: () => push.describe(config),
    online: true,
    readiness,
    setup: setup?.link,
    pushTest: (account) => push.test(account),
    push,
    web: {
      bosh: (body, client, gone) => bosh.serve(body, client, gone),
      webSocket: (client) => new WebSocketTransport(client, { batch, accept }),
    },
  }
  const http = lazily(async () => (await import('../http/app.ts')).createApp(deps))
  const listeners = new Listeners({ config, certificates, streams, batch, http, clock })
  // Behind the streams, whatever they meet: those over HTTP say goodbye on sockets that end with their listener.
  opened.defer(() => listeners.close())
  opened.defer(async () => {
    await streams.lastAcks()
    streams.stop()
    store.turn.end()
  })
  await listeners.open()
  // After the listeners, since a simulator makes its certificate first: what is queued meanwhile waits in its table.
  await push.use(config)

  const renewCertificates = async (): Promise<void> => {
    if (await certificates.reload(config)) await listeners.renewCertificates()
  }
  opened.defer(
    watchFiles(
      clock,
      () => certificateFiles(config),
      () => {
        renewCertificates().catch((error: unknown) =>
          log.error('the changed certificate is not used', { error }),
        )
      },
    ),
  )
  opened.defer(
    startHousekeeping({
      store,
      limits: config.limits,
      hosts: config.hosts,
      archive: config.archive,
      clock,
      run: (f) => router.run(f),
      figures() {
        walBytes.set(checkpointer.walBytes())
        // A look that fails, as where the data directory is gone, must not end the process.
        readiness().catch((error: unknown) => log.error('readiness could not be told', { error }))
        push.measure()
      },
    }),
  )

  return {
    addresses: listeners.addresses,
    setupPath: setup?.path,
    async reload(next) {
      reloadSuccess.set(0)
      const waiting = needsRestart(config, next)
      if (waiting.length > 0) log.warn(`needs a restart: ${waiting.join(', ')}`)
      // Each of these throws before it changes anything.
      await Certificates.check(next)
      await push.use({ ...config, push: { ...config.push, apps: next.push.apps }, webhook: next.webhook })
      takeOver(config, next)
      await renewCertificates()
      reloadSuccess.set(1)
    },
    stop: () => opened.disposeAsync(),
  }
}

/** Database, listeners, Apple: once the last file is taken, accepting takes all of the CPU and gets nowhere. */
const OWN_FILES = 32

/** limits.connections, or four fifths of what the process may open. */
function mostConnections({ limits }: Config): number {
  if (limits.connections > 0) return limits.connections
  const files = fileLimit()
  return Math.max(1, Math.min(Math.floor(files * 0.8), files - OWN_FILES))
}
