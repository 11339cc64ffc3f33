import type { Command } from 'commander'
import type { Context, ContextOf } from './context.ts'
import type { Row } from './output.ts'

interface List {
  readonly items: Row[]
}

export function addCert(program: Command, context: ContextOf): void {
  const cert = program.command('cert').description('certificates: whose they are, until when, and new ones')
  cert
    .command('status')
    .description('list certificates in force, and when the next are fetched')
    .action(async () => {
      const ctx = context()
      await ctx.withDoor(async (door) => show(ctx, await door.call<List>('GET', '/v1/certificates')))
    })
  cert
    .command('renew [host]')
    .description('fetch new certificates from the authority of [acme] now, or that of one host')
    .action(async (host: string | undefined) => {
      const ctx = context()
      await ctx.withDoor(async (door) =>
        show(
          ctx,
          await door.call<List>('POST', '/v1/certificates/renew', host === undefined ? {} : { host }),
        ),
      )
    })
  cert
    .command('reload')
    .description('read the files of certificates anew now, as after `certbot renew`')
    .action(async () => {
      const ctx = context()
      await ctx.withDoor(async (door) => show(ctx, await door.call<List>('POST', '/v1/certificates/reload')))
    })
}

function show({ out }: Context, { items }: List): void {
  out.table(items, ['name', 'origin', 'days_left', 'not_after', 'next', 'names', 'issuer'])
  if (out.json) return
  for (const { name, error } of items) if (typeof error === 'string') out.warn(`${String(name)}: ${error}`)
}
