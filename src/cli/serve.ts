import type { Command } from 'commander'
import { type Config, loadConfig } from '../config/config.ts'
import { getLogger, startLogging } from '../log.ts'
import { type Notifier, openNotifier } from '../ops/sd-notify.ts'
import { trimMemory } from '../ops/trim-memory.ts'
import { maskAddresses } from '../net/mask-address.ts'
import { actingAs, actorNow } from '../store/audit.ts'
import type { Server } from '../server/server.ts'
import { VERSION } from '../version.ts'
import { banner } from './banner.ts'
import { EXIT, onLostReader } from './exit.ts'
import type { ContextOf } from './context.ts'

const log = getLogger('main')

/** systemd waits 30 s before it kills; what is not done by then is left to the next start. */
const STOP_WITHIN = 25_000
/** By then the start is over, and the code that only it needed. */
const TRIM_AFTER = 3_000

export function addServe(program: Command, context: ContextOf): void {
  program
    .command('serve')
    .description('run the server')
    .action(async () => {
      const { options } = context()
      const load = (): Config => loadConfig({ file: options.config, checkFiles: true })
      await serve(load)
    })
}

/** Runs until a signal ends it. */
async function serve(load: () => Config): Promise<void> {
  const config = load()
  // A server runs on when nobody reads its log.
  process.stdout.off('error', onLostReader)
  startLogging(config.log)
  config.source.warnings.forEach((warning) => log.warn(warning))
  if (process.getuid?.() === 0) log.warn('running as root; a user of its own is safer: belfry systemd')
  const notifier = openNotifier()
  // Heard from the first moment: a stop that comes during the start is an orderly stop right after it.
  const stopAsked = new Promise<string>((resolve) => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
  })
  const { startServer } = await import('../server/server.ts')
  const server = await startServer(config)
  process.stderr.write(banner(config, server.addresses, server.setupPath))
  log.info('server started', { version: VERSION, hosts: config.hosts, pid: process.pid })
  const status = `Serving ${config.hosts.join(', ')}`
  notifier.ready(status)
  setTimeout(() => void trimMemory(), TRIM_AFTER).unref()

  const reload = reloader(server, { load, notifier, status })
  server.reloads.ask = reload
  process.on('SIGHUP', () => {
    // The log has said why it was refused.
    actingAs({ by: 'operator', door: 'SIGHUP' }, reload).catch(() => undefined)
  })
  const signal = await stopAsked
  log.info('server stops', { signal })
  notifier.stopping()
  // A second signal, or a stop that hangs, ends the process at once: every acked stanza is on disk anyway.
  const giveUp = (): never => process.exit(EXIT.failed)
  process.once('SIGTERM', giveUp)
  process.once('SIGINT', giveUp)
  setTimeout(giveUp, STOP_WITHIN).unref()
  await server.stop()
  log.info('server stopped')
  notifier.close()
  process.exit(EXIT.ok)
}

interface Reloading {
  readonly load: () => Config
  readonly notifier: Notifier
  /** Words for systemd while all is well. */
  readonly status: string
}

/** Reads the configuration anew, one time after the other however often and by whom it is asked for. */
function reloader(server: Server, { load, notifier, status }: Reloading): () => Promise<readonly string[]> {
  const reload = async (): Promise<readonly string[]> => {
    log.info('reload asked for', { ...actorNow() })
    notifier.reloading()
    try {
      const next = load()
      startLogging(next.log)
      next.source.warnings.forEach((warning) => log.warn(warning))
      const changed = await server.reload(next)
      log.info('configuration reloaded', { changed })
      notifier.ready(status)
      return changed
    } catch (error) {
      // A bad file must not take down what runs.
      server.reloads.refused(error)
      const why = error instanceof Error ? error.message : String(error)
      notifier.ready(`${status}; the new configuration is not used: ${maskAddresses(why)}`)
      throw error
    }
  }
  let last: Promise<unknown> = Promise.resolve()
  return () => {
    const mine = last.then(reload)
    last = mine.catch(() => undefined)
    return mine
  }
}
