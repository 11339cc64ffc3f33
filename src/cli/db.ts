import type { Command } from 'commander'
import { ballastFile, freeBallast } from '../ops/ballast.ts'
import type { ContextOf } from './context.ts'
import { CliError, EXIT } from './exit.ts'
import { runJob } from './job.ts'

interface Found {
  readonly ok?: boolean
  readonly problems?: readonly string[]
  readonly pages?: number
  readonly free_pages?: number
  readonly foreign_tables?: readonly string[]
}

export function addDb(program: Command, context: ContextOf): void {
  const db = program.command('db').description('the database itself')
  db.command('check')
    .description('look whether it is sound, while the server runs or not')
    .option('--full', 'compare indexes with their tables too, which takes longer')
    .action(async ({ full }: { full?: true }) => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        const found = await runJob(door, '/v1/db/check', { full: full === true })
        const { ok, problems = [], pages, free_pages: free, foreign_tables: foreign = [] }: Found = found
        if (!ok)
          throw new CliError(`the database is not sound: ${problems.join('; ')}`, EXIT.failed, { ...found })
        const others = foreign.length > 0 ? `; tables of others: ${foreign.join(', ')}` : ''
        ctx.out.done(`sound: ${pages} pages, ${free} of them free${others}`, found)
      })
    })
  db.command('vacuum')
    .description('give free pages back to the disk; messages wait meanwhile')
    .action(async () => {
      const ctx = context()
      await ctx.confirm('Messages wait until it is done, a second or more for each 100 MB. Go on?')
      await ctx.withDoor(async (door) => {
        const found = await runJob(door, '/v1/db/vacuum')
        ctx.out.done(`${String(found.bytes_before)} bytes before, ${String(found.bytes)} now`, found)
      })
    })
  db.command('free-ballast')
    .description('on a full disk: give up the file that was kept for it, so that something can be deleted')
    .action(() => {
      const { config, out } = context()
      // By hand, whether a server runs or not: on a full disk nothing else is sure to work.
      const bytes = freeBallast(config.data_dir)
      const file = ballastFile(config.data_dir)
      out.done(bytes > 0 ? `${bytes} bytes are free again` : `there is no ${file}`, { bytes })
    })
}
