import type { Command } from 'commander'
import { CliError } from './exit.ts'
import type { ContextOf } from './context.ts'

export function addHealth(program: Command, context: ContextOf): void {
  program
    .command('health')
    .description('exit 0 if the server is ready, 1 if it is not, 3 if it cannot be reached')
    .action(async () => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        const { status, text } = await door.text('/readyz')
        if (status !== 200) throw new CliError(`not ready: ${text.trim()}`)
        ctx.out.done('ready', { ready: true })
      }, true)
    })
}
