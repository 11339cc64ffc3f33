import type { Command } from 'commander'
import { CliError, EXIT } from './exit.ts'
import type { Row } from './output.ts'
import type { ContextOf } from './context.ts'

export function addPush(program: Command, context: ContextOf): void {
  const push = program.command('push').description('notifications to phones')
  push
    .command('test <jid>')
    .description('ring every device of an account and tell what the provider answered')
    .action(async (jid: string) => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        const { items } = await door.call<{ items: Row[] }>('POST', '/v1/push/test', { jid })
        // For people one device after the other, all that is known of its push; for scripts one list.
        if (ctx.out.json) ctx.out.document(items)
        else items.forEach((item) => ctx.out.record(item))
        if (items.length === 0) throw new CliError(`${jid} has no device`, EXIT.notFound)
        const bad = items.filter((item) => item.result !== 'sent').length
        if (bad > 0) {
          throw new CliError(
            `${bad} of ${items.length} not sent`,
            bad === items.length ? EXIT.failed : EXIT.partial,
          )
        }
      }, true)
    })
}
