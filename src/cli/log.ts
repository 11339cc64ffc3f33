import { type Command, Option } from 'commander'
import { entryIn, textLine } from '../log.ts'
import type { ContextOf } from './context.ts'
import { CliError, EXIT } from './exit.ts'

interface Options {
  readonly level: string
  readonly user?: string
  readonly last: string
}

export function addLog(program: Command, context: ContextOf): void {
  program
    .command('log')
    .description('the log of the running server')
    .command('watch')
    .description('print its latest lines, then each as it is written; secrets and messages are not in them')
    .addOption(
      new Option('--level <level>', 'the least severe that is shown, also where [log] level leaves it out')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .option('--user <jid>', 'only what names this account or one of its clients')
    .option('--last <n>', 'so many of the latest first', '10')
    .action(async ({ level, user, last }: Options) => {
      const ctx = context()
      const query = new URLSearchParams({ level, last, ...(user === undefined ? {} : { user }) })
      const shown = textLine(false)
      await ctx.withDoor(async (door) => {
        for await (const line of door.lines(`/v1/logs?${query.toString()}`))
          if (line !== '') ctx.out.text(ctx.out.json ? line : shown(entryIn(line)))
      }, true)
      throw new CliError('the server has ended', EXIT.unreachable)
    })
}
