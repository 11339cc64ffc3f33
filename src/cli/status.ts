import type { Command } from 'commander'
import type { ContextOf } from './context.ts'
import type { Row } from './output.ts'

export function addStatus(program: Command, context: ContextOf): void {
  program
    .command('status')
    .description('what the running server is doing')
    .action(async () => {
      const ctx = context()
      await ctx.withDoor(async (door) => ctx.out.record(await door.call<Row>('GET', '/v1/status')), true)
    })
}
