import type { Command } from 'commander'
import type { ContextOf } from './context.ts'
import { CliError, EXIT } from './exit.ts'
import { duration, wholeNumber } from './numbers.ts'
import type { Row } from './output.ts'
import { everyPage } from './user.ts'

export function addUpload(program: Command, context: ContextOf): void {
  const upload = program.command('upload').description('files that people send')
  upload
    .command('list')
    .description('list stored files, the oldest first')
    .option('--account <jid>', 'of this account only')
    .action(async (options: { account?: string }) => {
      const ctx = context()
      const query = new URLSearchParams({ limit: '500', ...options })
      await ctx.withDoor(async (door) => {
        const rows = await everyPage(door, `/v1/uploads?${query.toString()}`)
        ctx.out.table(rows, ['id', 'owner', 'name', 'type', 'size', 'purpose', 'stored', 'expires'])
      })
    })
  upload
    .command('delete <id>')
    .description('remove a file')
    .action(async (id: string) => {
      const ctx = context()
      const file = wholeNumber(id, 'id of a file')
      await ctx.confirm(`Remove the file ${file}?`)
      await ctx.withDoor(async (door) => {
        await door.call('DELETE', `/v1/uploads/${file}`)
        ctx.out.done(`file ${file} removed`, { id: file })
      })
    })
  upload
    .command('purge')
    .description('remove files: of an account, of an age, or both')
    .option('--account <jid>', 'of this account only')
    .option('--older-than <duration>', 'stored so long ago or longer, for example 30d')
    .action(async ({ account, olderThan }: { account?: string; olderThan?: string }) => {
      const ctx = context()
      if (account === undefined && olderThan === undefined)
        throw new CliError('which files? Say --account <jid>, --older-than <duration> or both', EXIT.usage)
      const query = new URLSearchParams(account === undefined ? {} : { account })
      if (olderThan !== undefined)
        query.set('older_than', String(Math.floor(duration(olderThan, '30d') / 1000)))
      const whose = account === undefined ? 'all accounts' : account
      const which = olderThan === undefined ? 'all files' : `files older than ${olderThan}`
      await ctx.confirm(`Remove ${which} of ${whose}?`)
      await ctx.withDoor(async (door) => {
        const removed = await door.call<Row>('DELETE', `/v1/uploads?${query.toString()}`)
        ctx.out.done(`${String(removed.files)} files removed, ${String(removed.bytes)} bytes`, removed)
      })
    })
}
