import type { Command } from 'commander'
import type { ContextOf } from './context.ts'
import { CliError, EXIT } from './exit.ts'
import { wholeNumber } from './numbers.ts'
import type { Row } from './output.ts'
import { addRoomChange } from './room-change.ts'
import { addRoomMember } from './room-member.ts'
import { everyPage } from './user.ts'

interface CreateOptions {
  readonly host?: string
  readonly name?: string
  readonly description?: string
  readonly owner?: string
  readonly member?: readonly string[]
  readonly public?: boolean
  readonly bookmark: boolean
  readonly invite: boolean
}

const roomPath = (jid: string, rest = ''): string => `/v1/rooms/${encodeURIComponent(jid)}${rest}`

/** Messages of one page of the API. */
const PAGE = 100

export function addRoom(program: Command, context: ContextOf): void {
  const room = program.command('room').description('groups: make, list, show and destroy them')
  room
    .command('list')
    .description('list rooms, hidden ones too')
    .option('--host <host>', 'of this host only')
    .option('--without-owner', 'that only the operator can configure')
    .action(async (options: { host?: string; withoutOwner?: boolean }) => {
      const ctx = context()
      const query = new URLSearchParams({ limit: '500', ...(options.host && { host: options.host }) })
      await ctx.withDoor(async (door) => {
        const all = await everyPage(door, `/v1/rooms?${query.toString()}`)
        const rows = options.withoutOwner ? all.filter(({ owners }) => owners === 0) : all
        ctx.out.table(rows, ['jid', 'name', 'occupants', 'members', 'owners', 'public', 'created'])
      })
    })
  room
    .command('show <room>')
    .description('what is known of one room')
    .action(async (jid: string) => {
      const ctx = context()
      await ctx.withDoor(async (door) => ctx.out.record(await door.call<Row>('GET', roomPath(jid))))
    })
  addCreate(room, context)
  addRoomChange(room, context, roomPath)
  addDelete(room, context)
  addRoomMember(room, context)
  addMessages(room, context)
}

function addCreate(room: Command, context: ContextOf): void {
  room
    .command('create [room]')
    .description('make a room with its members; without an address one is made up')
    .option('--host <host>', 'whose rooms it belongs to (default: the first host)')
    .option('--name <text>', 'what people see')
    .option('--description <text>', 'what it is about')
    .option('--owner <jid>', 'an account that may configure it')
    .option('--member <jid...>', 'accounts that belong to it')
    .option('--public', 'listed, and open to everybody; else it is for its members alone')
    .option('--no-bookmark', 'do not write it to the bookmarks of its members')
    .option('--no-invite', 'send no invitations')
    .action(async (jid: string | undefined, options: CreateOptions) => {
      const ctx = context()
      const { host, name, description, owner, member = [], bookmark, invite } = options
      const request = {
        jid,
        host,
        name,
        description,
        owner,
        bookmark,
        invite,
        members: member.map((one) => ({ jid: one })),
        settings: options.public ? { public: true, members_only: false } : undefined,
      }
      await ctx.withDoor(async (door) => {
        const made = await door.call<Row>('POST', '/v1/rooms', request)
        ctx.out.done(`${String(made.jid)} made`, made)
      })
    })
}

function addDelete(room: Command, context: ContextOf): void {
  room
    .command('delete <room>')
    .description('destroy a room with all that was said in it')
    .option('--reason <text>', 'what people are told')
    .option('--alternate <room>', 'where they are to go instead')
    .action(async (jid: string, options: Record<string, string>) => {
      const ctx = context()
      await ctx.confirm(`Destroy ${jid} with its members and all that was said in it?`)
      await ctx.withDoor(async (door) => {
        await door.call('DELETE', roomPath(jid, `?${new URLSearchParams(options).toString()}`))
        ctx.out.done(`${jid} destroyed`, { jid })
      })
    })
}

function addMessages(room: Command, context: ContextOf): void {
  room
    .command('send <room> <text>')
    .description('say something as the room, or on behalf of a member')
    .option('--from <jid>', 'a member, who need not be in the room')
    .option('--id <id>', 'sent again under it within a day, it is said once')
    .action(async (jid: string, body: string, options: { from?: string; id?: string }) => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        const { id } = await door.call<{ id: string }>('POST', roomPath(jid, '/messages'), {
          body,
          ...options,
        })
        ctx.out.done(`said in ${jid}`, { jid, id })
      })
    })
  room
    .command('history <room>')
    .description('what was said, the newest first')
    .option('--limit <number>', 'so many messages', '50')
    .action(async (jid: string, options: { limit: string }) => {
      const ctx = context()
      const limit = wholeNumber(options.limit, 'number of messages')
      if (limit === 0) throw new CliError('at least one message', EXIT.usage)
      await ctx.withDoor(async (door) => {
        const rows: Row[] = []
        let cursor = ''
        do {
          const query = `?limit=${Math.min(PAGE, limit - rows.length)}${cursor}`
          const page: { items: Row[]; next: string | null } = await door.call(
            'GET',
            roomPath(jid, `/messages${query}`),
          )
          rows.push(...page.items)
          if (page.next === null) break
          cursor = `&cursor=${page.next}`
        } while (rows.length < limit)
        ctx.out.table(rows, ['at', 'nick', 'from', 'body', 'stanza_id'])
      })
    })
}
