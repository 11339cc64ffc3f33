/** The whole program, put together: store, road, streams, HTTP, push. Reads from top to bottom; nothing else wires. */
import { readFileSync } from 'node:fs'
import type { Server as NetServer } from 'node:net'
import type { Config } from './config.ts'
import { features } from './features/index.ts'
import { createApp } from './http/app.ts'
import { storedDevices } from './http/devices.ts'
import { type HttpListener, listenSocket, listenTcp as listenHttp } from './http/serve.ts'
import { getLogger } from './log.ts'
import { commitFailures, commitRows, commitSeconds, startMetrics, walBytes } from './metrics.ts'
import { type ApnsSim, startApnsSim } from './ops/apns-sim.ts'
import { adminSocket, databaseFile, prepareDataDir } from './ops/data-dir.ts'
import { startHousekeeping } from './ops/housekeeping.ts'
import { PushService } from './push/service.ts'
import { AuthLimiter } from './routing/auth-limiter.ts'
import { createWorld } from './routing/world.ts'
import { Checkpointer } from './store/checkpoint.ts'
import { systemClock, systemRandom } from './store/clock.ts'
import { takeLock } from './store/lock.ts'
import { openStore } from './store/store.ts'
import { Tokens } from './store/tokens.ts'
import { listenDirectTls } from './stream/direct-tls.ts'
import { ClientStreams } from './stream/listener.ts'
import { listenTcp } from './stream/tcp.ts'
import { loadCertificates } from './stream/tls.ts'
import { Batch } from './stream/transport.ts'
import { VERSION } from './version.ts'

const log = getLogger('server')

/** Pushes under way get this long at a stop; the rest is in the outbox and goes out at the next start. */
const DRAIN_MS = 5_000

export interface Address {
  readonly name: string
  readonly host: string
  readonly port: number
}

export interface Server {
  readonly addresses: readonly Address[]
  /** The simulator, where it is the push target. */
  readonly simulator: ApnsSim | undefined
  reload(config: Config): Promise<void>
  stop(): Promise<void>
}

export async function startServer(config: Config): Promise<Server> {
  for (const warning of prepareDataDir(config.data_dir)) log.warn(warning)
  const lock = takeLock(config.data_dir)
  const clock = systemClock
  const random = systemRandom
  const stopMetrics = startMetrics(VERSION)

  const batch = new Batch()
  const late: { streams?: ClientStreams } = {}
  const store = openStore(databaseFile(config.data_dir), {
    flushed: () => batch.flush(),
    committed(ms, trips) {
      commitSeconds.observe(ms / 1000)
      commitRows.observe(trips)
    },
    fatal(cause) {
      commitFailures.inc({ cause: 'unknown-outcome' })
      log.error('the disk failed while a commit was written; its outcome is unknown, so the server ends', {
        error: cause,
      })
      late.streams?.abort()
      process.exit(1)
    },
  })
  const checkpointer = new Checkpointer(store.db, clock, (bytes) =>
    log.error('the write-ahead log is too large', { bytes }),
  )
  const { world, router } = createWorld({ config, store, features: features(config), clock, random })

  const certificates = await loadCertificates({
    tls: config.tls,
    dataDir: config.data_dir,
    hosts: config.hosts,
  })
  for (const warning of certificates.warnings()) log.warn(warning)
  const logins = new AuthLimiter(clock, config.limits)
  const nobody = await router.run((t) => t.store.settings.secret('unknown-users'))
  const identity = (name: string | undefined) => certificates.forName(name ?? config.hosts[0] ?? 'localhost')
  const context = { world, router, features: features(config), clock, auth: logins, nobody, identity }
  const streams = new ClientStreams(context, mostConnections(config))
  late.streams = streams

  const simulator = config.push.simulator ? await startSimulator() : undefined
  const push = new PushService({
    push: store.push,
    run: (f) => router.run(f),
    clock,
    random,
    apps: config.push.apps,
    simulator: simulator && { url: simulator.url, ca: simulator.ca },
    webhook: config.webhook,
    capacity: config.limits.push_queue,
  })
  push.start()

  const app = createApp({
    world,
    router,
    tokens: new Tokens(store.db, random),
    devices: storedDevices(store),
    logins,
    clock,
    pushTarget: pushTarget(config),
    online: true,
    readiness: () => [
      {
        name: 'store',
        ok: store.turn.failure === undefined,
        detail: String(store.turn.failure?.cause ?? 'writes'),
      },
    ],
  })

  const accept = streams.accept.bind(streams)
  const minTls = config.tls.min
  const handshakeMs = config.limits.tls_handshake_timeout
  const c2s = config.c2s.listen.map((listen) => listenTcp(listen, { minTls, batch, accept }))
  const direct = await Promise.all(
    config.c2s.direct_tls_listen.map((listen) =>
      listenDirectTls(listen, { minTls, handshakeMs, batch, identity, accept }),
    ),
  )
  const serve = { maxBody: config.limits.http_body_bytes }
  const fallback = certificates.forName(config.hosts[0] ?? 'localhost')
  const http: HttpListener[] = [
    ...config.http.listen.map((listen) => listenHttp(app, listen, serve)),
    ...config.http.tls_listen.map((listen) =>
      listenHttp(app, listen, serve, [{ cert: fallback.certPem, key: fallback.keyPem }]),
    ),
    await listenSocket(app, adminSocket(config.data_dir), serve),
  ]
  const stopHousekeeping = startHousekeeping({
    store,
    limits: config.limits,
    clock,
    run: (f) => router.run(f),
    figures: () => walBytes.set(checkpointer.walBytes()),
  })

  return {
    simulator,
    addresses: [
      ...c2s.map((listener, i) => ({
        name: 'c2s',
        host: config.c2s.listen[i]?.host ?? '',
        port: listener.port,
      })),
      ...direct.map((listener, i) => ({
        name: 'c2s-tls',
        host: config.c2s.direct_tls_listen[i]?.host ?? '',
        port: portOf(listener),
      })),
      ...http,
    ],
    async reload() {
      for (const { name, oldSerial, newSerial } of certificates.reload().changed) {
        log.info('certificate reloaded', { name, oldSerial, newSerial })
      }
      push.dispatcher.resume()
    },
    async stop() {
      stopHousekeeping()
      for (const listener of c2s) listener.stop()
      for (const listener of direct) listener.close()
      streams.stop()
      store.turn.end()
      await push.stop(DRAIN_MS)
      await Promise.all(http.map((listener) => listener.stop()))
      await simulator?.close()
      checkpointer.stop()
      store.close()
      lock.release()
      stopMetrics()
    },
  }
}

function startSimulator(): Promise<ApnsSim> {
  return startApnsSim({ print: (block) => process.stdout.write(`${block}\n`) })
}

function pushTarget({ push }: Config): string {
  if (push.simulator) return 'simulator: no phone rings'
  return (
    push.apps.map((app) => `${app.topic} (${app.environment})`).join(', ') ||
    'off: no [[push.apps]] is configured'
  )
}

function portOf(listener: NetServer): number {
  const address = listener.address()
  return typeof address === 'object' && address ? address.port : 0
}

/** limits.connections, or four fifths of what the process may open. */
function mostConnections({ limits }: Config): number {
  if (limits.connections > 0) return limits.connections
  const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return Math.floor(Number(soft ?? 1024) * 0.8)
}
