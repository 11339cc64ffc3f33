import type { Command } from 'commander'
import type { ContextOf } from './context.ts'

export function addWebhook(program: Command, context: ContextOf): void {
  const webhook = program.command('webhook').description('the web server that is told of messages')
  webhook
    .command('replay')
    .description('send again what it refused')
    .action(async () => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        const { replayed } = await door.call<{ replayed: number }>('POST', '/v1/webhook/replay')
        ctx.out.done(replayed === 0 ? 'nothing to send again' : `${replayed} queued again`, { replayed })
      })
    })
}
