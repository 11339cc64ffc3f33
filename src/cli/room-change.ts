import type { Command } from 'commander'
import type { ContextOf } from './context.ts'
import { CliError, EXIT } from './exit.ts'
import type { Row } from './output.ts'

/** `name=value` as the API takes it: true, false and numbers as such, all else as text. */
function setting(text: string): [string, unknown] {
  const [, name, value] = /^([a-z_]+)=(.*)$/s.exec(text) ?? []
  if (name === undefined || value === undefined)
    throw new CliError(`"${text}" is no setting such as moderated=true`, EXIT.usage)
  if (name === 'password') return [name, value]
  return [name, value === 'true' || value === 'false' || /^\d{1,9}$/.test(value) ? JSON.parse(value) : value]
}

/** `belfry room change` and `belfry room occupants`. */
export function addRoomChange(
  room: Command,
  context: ContextOf,
  roomPath: (jid: string, rest?: string) => string,
): void {
  room
    .command('change <room>')
    .description('rename a room, describe it, set its subject or its settings')
    .option('--name <text>', 'what people see')
    .option('--description <text>', 'what it is about')
    .option('--subject <text>', 'what is talked of now')
    .option('--set <setting...>', 'for example moderated=true, or public=false max_users=50')
    .action(async (jid: string, { set, ...named }: { set?: string[] } & Record<string, string>) => {
      const ctx = context()
      const settings = set && Object.fromEntries(set.map(setting))
      if (settings === undefined && Object.keys(named).length === 0)
        throw new CliError('what is to change? Say --name, --description, --subject or --set', EXIT.usage)
      await ctx.withDoor(async (door) => {
        ctx.out.record(await door.call<Row>('PATCH', roomPath(jid), { ...named, settings }))
      })
    })
  room
    .command('occupants <room>')
    .description('who is in a room now')
    .action(async (jid: string) => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        const { items } = await door.call<{ items: Row[] }>('GET', roomPath(jid, '/occupants'))
        ctx.out.table(items, ['nick', 'jid', 'role', 'affiliation', 'clients'])
      })
    })
}
