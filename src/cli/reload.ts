import type { Command } from 'commander'
import { loadConfig } from '../config/config.ts'
import type { Context, ContextOf } from './context.ts'
import { CliError, EXIT } from './exit.ts'

export function addReload(program: Command, context: ContextOf): void {
  program
    .command('reload')
    .description('let the running server read its configuration, keys and certificates anew')
    .action(async () => {
      const ctx = context()
      // A file that the server would not take over is told to whoever asks, not only to the log.
      loadConfig({ file: ctx.options.config, checkFiles: true })
      const pid = process.env.MAINPID ? Number(process.env.MAINPID) : await servingPid(ctx)
      try {
        process.kill(pid, 'SIGHUP')
      } catch (error) {
        throw new CliError(
          `process ${pid} was not told: ${error instanceof Error ? error.message : String(error)}`,
          EXIT.failed,
        )
      }
      ctx.out.done('the server reads its configuration; see its log for what it took over', { pid })
    })
}

/** systemd names the process in MAINPID (systemd.exec(5)); by hand the server itself is asked. */
async function servingPid(ctx: Context): Promise<number> {
  let pid = 0
  await ctx.withDoor(async (door) => {
    pid = (await door.call<{ pid: number }>('GET', '/v1/status')).pid
  }, true)
  return pid
}
