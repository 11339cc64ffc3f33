import type { Command } from 'commander'
import { readFileSync } from 'node:fs'
import { CliError, EXIT } from './exit.ts'
import type { Context, ContextOf } from './context.ts'
import type { Row } from './output.ts'

interface Options {
  readonly to?: string
  readonly topic?: string
  readonly device?: readonly string[]
  readonly token?: readonly string[]
  readonly kind?: string
  readonly type: string
  readonly title?: string
  readonly body?: string
  readonly aps?: string
  readonly data?: string
  readonly call?: string
  readonly name?: string
  readonly priority?: string
  readonly ttl?: string
  readonly collapseId?: string
  readonly file?: string
}

interface Sent extends Row {
  readonly queued: number
  readonly suppressed: number
  readonly refused: number
  readonly items: readonly (Row & {
    readonly id: string
    readonly result: string
    readonly pushes: readonly Row[]
  })[]
}

export function addPushSend(push: Command, context: ContextOf): void {
  push
    .command('send')
    .description(
      'push what your back end would: an alert, a Live Activity, a widget and so on; see help push-send',
    )
    .option('--to <jid>', 'all fitting devices of an account')
    .option('--topic <app>', 'of this app alone')
    .option('--device <id...>', 'devices by their ids')
    .option('--token <hex...>', 'tokens, of one --kind')
    .option('--kind <kind>', 'device, voip, liveactivity-start, liveactivity, widget, control, location, ptt')
    .option(
      '--type <type>',
      'alert, background, voip, liveactivity, widgets, controls, location, pushtotalk',
      'alert',
    )
    .option('--title <text>', 'of an alert')
    .option('--body <text>', 'of an alert')
    .option('--aps <json>', "Apple's own keys, instead of --title and --body")
    .option('--data <json>', 'keys of the app beside aps')
    .option('--call <json>', 'of voip: sid, from, media, expires')
    .option('--name <name>', 'which activity or control')
    .option('--priority <n>', '10, 5 or 1')
    .option('--ttl <seconds>', 'for which it is tried and kept; 0 = now or never')
    .option('--collapse-id <id>', 'a later push of the same takes its place')
    .option('--file <file>', 'a whole request as JSON: {"items": […]}')
    .action(async (options: Options) => send(context(), options))
}

async function send(ctx: Context, options: Options): Promise<void> {
  const request = options.file === undefined ? { items: [itemOf(options)] } : fileOf(options.file)
  await ctx.withDoor(async (door) => {
    const { out } = ctx
    const sent = await door.call<Sent>('POST', '/v1/push/send', request)
    if (out.json) out.document(sent)
    else {
      const rows = sent.items.flatMap(({ id, pushes, ...item }) =>
        (pushes.length > 0 ? pushes : [item]).map((row) => ({ ...row, id })),
      )
      out.table(rows, ['id', 'jid', 'device', 'token', 'result', 'code', 'detail'])
    }
    const whole = sent.items.length
    if (sent.refused > 0)
      throw new CliError(
        `${sent.refused} of ${whole} refused`,
        sent.refused === whole ? EXIT.failed : EXIT.partial,
      )
  }, true)
}

function itemOf(options: Options): Record<string, unknown> {
  const { type, name, priority, ttl, collapseId, data, call } = options
  const item = { type, name, collapse_id: collapseId, to: targetOf(options), aps: apsOf(options) }
  return Object.fromEntries(
    Object.entries({
      ...item,
      data: data === undefined ? undefined : jsonOf('--data', data),
      call: call === undefined ? undefined : jsonOf('--call', call),
      priority: priority === undefined ? undefined : Number(priority),
      ttl: ttl === undefined ? undefined : Number(ttl),
    }).filter(([, value]) => value !== undefined),
  )
}

function targetOf({ to, topic, device, token, kind }: Options): Record<string, unknown> {
  const app = topic === undefined ? {} : { topic }
  if ([to, device, token].filter((one) => one !== undefined).length !== 1)
    throw new CliError('name one of --to, --device, --token and --file', EXIT.usage)
  if (to !== undefined) return { jid: to, ...app }
  if (device !== undefined) return { devices: device }
  if (kind === undefined) throw new CliError('--token needs --kind', EXIT.usage)
  return { kind, tokens: token, ...app }
}

function apsOf({ type, aps, title, body }: Options): unknown {
  if (aps !== undefined) return jsonOf('--aps', aps)
  if (title === undefined && body === undefined) return undefined
  if (type !== 'alert') throw new CliError('--title and --body are of an alert', EXIT.usage)
  const alert = { ...(title === undefined ? {} : { title }), ...(body === undefined ? {} : { body }) }
  return { alert, sound: 'default' }
}

function jsonOf(option: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new CliError(`${option} is not JSON`, EXIT.usage)
  }
}

function fileOf(name: string): unknown {
  try {
    return jsonOf(name, readFileSync(name === '-' ? '/dev/stdin' : name, 'utf8'))
  } catch (error) {
    if (error instanceof CliError) throw error
    throw new CliError(`${name} cannot be read`, EXIT.usage)
  }
}
