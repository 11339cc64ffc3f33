import type { Command } from 'commander'
import type { ContextOf } from './context.ts'
import { CliError, EXIT } from './exit.ts'
import type { Row } from './output.ts'
import { everyPage } from './user.ts'

interface AddOptions {
  readonly nick?: string
  readonly affiliation: string
  readonly bookmark: boolean
  readonly invite: boolean
  readonly reason?: string
}

const path = (room: string, rest: string): string => `/v1/rooms/${encodeURIComponent(room)}/members${rest}`

export function addRoomMember(room: Command, context: ContextOf): void {
  const member = room.command('member').description('who belongs to a room')
  member
    .command('list <room>')
    .description('members, owners and admins, and who is banned')
    .action(async (jid: string) => {
      const ctx = context()
      await ctx.withDoor(async (door) =>
        ctx.out.table(await everyPage(door, path(jid, '?limit=500')), [
          'jid',
          'affiliation',
          'nick',
          'reason',
        ]),
      )
    })
  member
    .command('add <room> <jid...>')
    .description('add accounts, or change how they stand to the room')
    .option('--nick <name>', 'of one account: the name that is kept for it')
    .option('--affiliation <kind>', 'owner, admin, member or outcast', 'member')
    .option('--no-bookmark', 'do not write the room to their bookmarks')
    .option('--no-invite', 'send no invitations')
    .option('--reason <text>', 'what they are told')
    .action(async (jid: string, people: string[], options: AddOptions) => {
      const ctx = context()
      const { nick, affiliation, ...how } = options
      if (nick !== undefined && people.length > 1)
        throw new CliError('--nick is the name of one account', EXIT.usage)
      const members = people.map((one) => ({ jid: one, affiliation, nick }))
      await ctx.withDoor(async (door) => {
        const { items } = await door.call<{ items: Row[] }>('POST', path(jid, ''), { members, ...how })
        ctx.out.table(items, ['jid', 'affiliation', 'nick', 'bookmarked', 'invited'])
      })
    })
  member
    .command('remove <room> <jid>')
    .description('take an account out of a room, or a ban away')
    .option('--reason <text>', 'what the person is told')
    .option('--no-tell', 'do not tell the person')
    .action(async (jid: string, person: string, options: { reason?: string; tell: boolean }) => {
      const ctx = context()
      const query = new URLSearchParams({
        ...(options.reason !== undefined && { reason: options.reason }),
        ...(!options.tell && { tell: 'false' }),
      })
      await ctx.withDoor(async (door) => {
        await door.call('DELETE', path(jid, `/${encodeURIComponent(person)}?${query.toString()}`))
        ctx.out.done(`${person} removed from ${jid}`, { jid: person, room: jid })
      })
    })
}
