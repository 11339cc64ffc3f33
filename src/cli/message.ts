import type { Command } from 'commander'
import type { ContextOf } from './context.ts'

export function addMessage(program: Command, context: ContextOf): void {
  program
    .command('message')
    .description('messages of programs')
    .command('send <to> <text>')
    .description('send a message as the server, or on behalf of an account')
    .option('--from <address>', 'an account or a host; else the first host')
    .option('--subject <text>', 'what it is about')
    .option('--id <id>', 'sent again under it within a day, it is delivered once')
    .action(async (to: string, body: string, options: Record<string, string>) => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        const { id } = await door.call<{ id: string }>('POST', '/v1/messages', { to, body, ...options })
        ctx.out.done(`sent to ${to}`, { to, id })
      }, true)
    })
}
