import type { Command } from 'commander'
import { loadConfig } from '../config/config.ts'
import type { ContextOf } from './context.ts'

export function addReload(program: Command, context: ContextOf): void {
  program
    .command('reload')
    .description('let the running server read its configuration, keys and certificates anew')
    .action(async () => {
      const ctx = context()
      try {
        // With the place of each mistake; whether the server can read and use it all it says itself.
        loadConfig({ file: ctx.options.config, checkFiles: true })
      } catch (error) {
        // A file that cannot be read does not name the server, but systemd does (systemd.exec(5)): the server refuses it, and says so.
        if (process.env.MAINPID) process.kill(Number(process.env.MAINPID), 'SIGHUP')
        throw error
      }
      await ctx.withDoor(async (door) => {
        const { changed } = await door.call<{ changed: string[] }>('POST', '/v1/config/reload')
        const sentence =
          changed.length === 0 ? 'in force; nothing has changed' : `in force: ${changed.join(', ')}`
        ctx.out.done(sentence, { changed })
      }, true)
    })
}
