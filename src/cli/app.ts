import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Command } from 'commander'
import { type Config, loadConfig } from '../config/config.ts'
import { readPassphrase, readPem } from '../push/apns/credentials.ts'
import { readSigningKey } from '../push/apns/token.ts'
import { certificateEnd } from '../push/apns/certificate-end.ts'
import { CliError, EXIT } from './exit.ts'
import type { Context, ContextOf } from './context.ts'
import type { Row } from './output.ts'

type App = Config['push']['apps'][number]

/** Faults of an app's credentials, as far as this machine can see without asking Apple; also what ends `soon` (ms). */
export async function checkApp(app: App, now: Date, soon = 0): Promise<string[]> {
  const wrong: string[] = []
  type Complaint = string | undefined
  const attempt = async (what: string, test: () => Complaint | Promise<Complaint>): Promise<void> => {
    try {
      const complaint = await test()
      if (complaint) wrong.push(complaint)
    } catch (error) {
      wrong.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const { key_file, cert_file, cert_key_file, p12_file, p12_password_file } = app
  if (key_file) {
    await attempt(key_file, () => {
      readSigningKey(readPem(key_file))
      return undefined
    })
  }
  if (cert_file) {
    await attempt(cert_file, () => {
      const certificate = new X509Certificate(readPem(cert_file))
      const end = ending(cert_file, new Date(certificate.validTo), now, soon)
      if (end !== undefined) return end
      if (!cert_key_file) return undefined
      const fits = certificate.checkPrivateKey(createPrivateKey(readPem(cert_key_file)))
      return fits ? undefined : `${cert_key_file} does not belong to ${cert_file}`
    })
  }
  if (p12_file) {
    await attempt(p12_file, async () => {
      const tls = { pfx: readFileSync(p12_file), passphrase: readPassphrase(p12_password_file) }
      createSecureContext(tls)
      const end = new Date(await certificateEnd(tls.pfx, tls.passphrase))
      return ending(p12_file, end, now, soon)
    })
  }
  return wrong
}

function ending(file: string, end: Date, now: Date, soon: number): string | undefined {
  if (end.getTime() - now.getTime() > soon) return undefined
  return `${file} ${end < now ? 'ended' : 'ends'} on ${end.toUTCString()}; renew it at Apple`
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
      const rows = config.push.apps.map((entry) => ({
        topic: entry.topic,
        environment: entry.environment,
        sign_in: signIn(entry),
        body: entry.body,
        target: config.push.simulator ? 'simulator' : (entry.endpoint ?? 'Apple'),
      }))
      out.table(rows, ['topic', 'environment', 'sign_in', 'body', 'target'])
    })
  app
    .command('check')
    .description('read the keys and certificates of every app, and ask Apple about them')
    .option('--offline', 'only read the files')
    .action(async ({ offline }: { offline?: boolean }) => {
      const ctx = context()
      const { push } = loadConfig({ file: ctx.options.config, checkFiles: true })
      if (push.apps.length === 0 && !push.simulator) throw new CliError('no app is configured: push is off')
      const rows = await Promise.all(
        push.apps.map(async (entry) => {
          const problems = await checkApp(entry, new Date())
          const { topic, environment } = entry
          return { topic, environment, result: problems.join('; ') || 'ok', problems }
        }),
      )
      const wrong = rows.filter((row) => row.problems.length > 0).length
      if (wrong > 0 || offline) {
        ctx.out.table(rows, ['topic', 'environment', 'result'])
        return refused(wrong, rows.length, 'cannot sign in')
      }
      await ask(ctx)
    })
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
