/** `belfry push channel`: broadcast channels of Live Activities (iOS 18), which Apple keeps. */
import type { Command } from 'commander'
import { CliError } from './exit.ts'
import type { ContextOf } from './context.ts'
import type { Row } from './output.ts'

interface Place {
  readonly topic: string
  readonly environment?: string
}

interface Send extends Place {
  readonly aps: string
  readonly priority?: string
  readonly ttl?: string
}

interface Channel extends Row {
  readonly id: string
}

const PATH = '/v1/push/channels'
const queryOf = ({ topic, environment }: Place): string =>
  `?${new URLSearchParams({ topic, ...(environment === undefined ? {} : { environment }) }).toString()}`
const pathOf = (channel: string): string => `${PATH}/${encodeURIComponent(channel)}`

export function addPushChannel(push: Command, context: ContextOf): void {
  const channel = push
    .command('channel')
    .description('channels to which many Live Activities listen, at Apple')
  const verb = (name: string, description: string) =>
    channel
      .command(name)
      .description(description)
      .requiredOption('--topic <app>', 'bundle identifier of the app')
      .option('--environment <name>', 'production or sandbox; as the app is configured')
  verb('list', 'names of an app’s channels').action(async (place: Place) => {
    const ctx = context()
    await ctx.withDoor(async (door) => {
      const { items } = await door.call<{ items: Channel[] }>('GET', PATH + queryOf(place))
      ctx.out.table(items, ['id'])
    })
  })
  verb('show <channel>', 'whether Apple keeps its newest push').action(async (id: string, place: Place) => {
    const ctx = context()
    await ctx.withDoor(async (door) => {
      ctx.out.record(await door.call<Channel>('GET', pathOf(id) + queryOf(place)))
    })
  })
  verb('create', 'make a channel')
    .option('--storage <what>', 'newest: Apple keeps the newest push for phones that are away; none', 'none')
    .action(async (wanted: Place & { storage: string }) => {
      const ctx = context()
      await ctx.withDoor(async (door) => {
        ctx.out.record(await door.call<Channel>('POST', PATH, wanted))
      })
    })
  verb('delete <channel>', 'delete a channel').action(async (id: string, place: Place) => {
    const ctx = context()
    await ctx.withDoor(async (door) => {
      await door.call('DELETE', pathOf(id) + queryOf(place))
      ctx.out.done(`channel ${id} of ${place.topic} deleted`, { id, topic: place.topic })
    })
  })
  verb('send <channel>', 'push to all that listen to it')
    .requiredOption('--aps <json>', 'keys of a Live Activity, with event update or end')
    .option('--priority <n>', '10 or 5')
    .option('--ttl <seconds>', 'for which a channel that keeps the newest does so')
    .action(async (id: string, { aps, priority, ttl, ...place }: Send) => {
      const ctx = context()
      const request = {
        ...place,
        aps: jsonOf(aps),
        ...(priority === undefined ? {} : { priority: Number(priority) }),
        ...(ttl === undefined ? {} : { ttl: Number(ttl) }),
      }
      await ctx.withDoor(async (door) => {
        ctx.out.record(await door.call<Row>('POST', `${pathOf(id)}/send`, request))
      })
    })
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new CliError('--aps: it is not JSON')
  }
}
