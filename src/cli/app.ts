import type { Command } from 'commander'
import { type Config, loadConfig } from '../config/config.ts'
import { checkApp } from '../push/diagnose/check-app.ts'
import { loadAccount } from '../push/fcm/account.ts'
import { CliError, EXIT } from './exit.ts'
import type { Context, ContextOf } from './context.ts'
import type { Row } from './output.ts'

type App = Config['push']['apps'][number]
type GoogleApp = Config['push']['fcm'][number]

interface Checked extends Row {
  readonly problems: readonly string[]
}

const signIn = (app: App): string =>
  app.key_file ? `key ${app.key_id}` : app.cert_file ? 'certificate' : 'p12'

export function addApp(program: Command, context: ContextOf): void {
  const app = program.command('app').description('the apps that this server may ring')
  app
    .command('list')
    .description('apps in the configuration')
    .action(() => {
      const { config, out } = context()
      const { apps, fcm, simulator } = config.push
      const rows = apps.map((entry) => ({
        topic: entry.topic,
        environment: entry.environment,
        sign_in: signIn(entry),
        body: entry.body,
        digest: entry.digest ?? '',
        target: simulator ? 'simulator' : (entry.endpoint ?? 'Apple'),
      }))
      const google = fcm.map(({ topic, body, digest = '' }) => ({
        topic,
        environment: '',
        sign_in: 'service account',
        body,
        digest,
        target: 'Google',
      }))
      out.table([...rows, ...google], ['topic', 'environment', 'sign_in', 'body', 'digest', 'target'])
    })
  app
    .command('check')
    .description('read the keys and certificates of every app, and ask Apple and Google about them')
    .option('--offline', 'only read the files')
    .action(async ({ offline }: { offline?: boolean }) => {
      const ctx = context()
      if (ctx.options.curl) return ask(ctx)
      const { push } = loadConfig({ file: ctx.options.config, checkFiles: true })
      if (push.apps.length + push.fcm.length === 0 && !push.simulator)
        throw new CliError('no app is configured: push is off')
      const rows: Checked[] = await Promise.all(
        push.apps.map(async (entry) => {
          const problems = await checkApp(entry, new Date())
          const { topic, environment } = entry
          return { topic, environment, result: problems.join('; ') || 'ok', problems }
        }),
      )
      for (const entry of push.fcm) {
        const problems = accountProblems(entry)
        rows.push({ topic: entry.topic, environment: '', result: problems.join('; ') || 'ok', problems })
      }
      const wrong = rows.filter((row) => row.problems.length > 0).length
      if (wrong > 0 || offline) {
        ctx.out.table(rows, ['topic', 'environment', 'result'])
        return refused(wrong, rows.length, 'cannot sign in')
      }
      await ask(ctx)
    })
}

function accountProblems({ topic, service_account_file: file, token_url: tokenUrl }: GoogleApp): string[] {
  try {
    loadAccount(topic, file, tokenUrl)
    return []
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}

/** A push to a token that is none: Apple answers BadDeviceToken once key, team and topic are right. */
async function ask(ctx: Context): Promise<void> {
  await ctx.withDoor(async (door) => {
    const { items } = await door.call<{ items: Row[] }>('POST', '/v1/apps/check')
    ctx.out.table(items, ['topic', 'environment', 'sign_in', 'result', 'reason', 'ms', 'meaning'])
    refused(items.filter((item) => item.result !== 'ok').length, items.length, 'are not accepted')
  })
}

function refused(bad: number, all: number, how: string): void {
  if (bad > 0) throw new CliError(`${bad} of ${all} apps ${how}`, bad < all ? EXIT.partial : EXIT.failed)
}
