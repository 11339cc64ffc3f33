/** The data of a stopped server, opened as a running one opens it. */
import { existsSync, statSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import { type Core, openCore } from '../server/core.ts'
import { systemClock } from '../store/clock.ts'
import { copyBackInLoop } from '../store/checkpoint.ts'
import type { TurnHost } from '../store/turn-host.ts'
import { CliError } from './exit.ts'

/** The data of a stopped server, as its owner. Throws one sentence for the operator. */
export function openStopped(config: Config, opened: AsyncDisposableStack): Core {
  becomeOwner(config.data_dir)
  return openCore(config, { clock: systemClock, turn: turnHost(config), warn }, opened)
}

/** The same for work that is no request; closes with `close`. */
export async function openData(
  config: Config,
): Promise<{ readonly core: Core; readonly close: () => Promise<void> }> {
  const opened = new AsyncDisposableStack()
  try {
    const core = openStopped(config, opened)
    copyBackInLoop(core.store.db)
    return { core, close: () => opened.disposeAsync() }
  } catch (error) {
    await opened.disposeAsync()
    throw error
  }
}

const warn = (warning: string): void => void process.stderr.write(`warning: ${warning}\n`)

const turnHost = ({ data_dir: dataDir }: Config): TurnHost => ({
  flushed() {},
  fatal(cause) {
    process.stderr.write(`error: ${dataDir} cannot be written: ${String(cause)}\n`)
    process.exit(1)
  },
})

/** Files that root makes could not be opened by the service afterwards. */
export function becomeOwner(dataDir: string): void {
  if (process.getuid?.() !== 0 || !existsSync(dataDir)) return
  const { uid, gid } = statSync(dataDir)
  if (uid === 0) return
  try {
    process.setgroups?.([gid])
    process.setgid?.(gid)
    process.setuid?.(uid)
  } catch (error) {
    throw new CliError(`cannot act as the owner of ${dataDir} (uid ${uid}): ${String(error)}`)
  }
}
