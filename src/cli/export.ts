import { closeSync, openSync, writeSync } from 'node:fs'
import type { Command } from 'commander'
import { NS } from '../xmpp/namespaces.ts'
import { escapeXML } from '../xmpp/xml.ts'
import type { Context, ContextOf } from './context.ts'
import type { Door } from './door.ts'

interface Page {
  readonly items: string[]
  readonly next: string | null
}

type Write = (text: string) => void

const HEAD = `<?xml version="1.0" encoding="UTF-8"?>\n<server-data xmlns="${NS.portable}">\n`

export function addExport(program: Command, context: ContextOf): void {
  program
    .command('export')
    .description('write accounts as other servers can read them')
    .command('xep0227')
    .description('all accounts with their keys and messages, as a file of XEP-0227')
    .option('--host <host>', 'of this host only')
    .option('--out <file>', 'write there, readable by its owner alone; else to standard output')
    .action(async ({ host, out }: { host?: string; out?: string }) => {
      const ctx = context()
      await ctx.withDoor((door) =>
        toFile(ctx, out, async (write) => {
          write(HEAD)
          for (const name of host === undefined ? ctx.config.hosts : [host]) {
            write(`<host jid="${escapeXML(name)}">\n`)
            for (let cursor: string | null = ''; cursor !== null;) {
              const after = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
              const page: { items: { jid: string }[]; next: string | null } = await door.call(
                'GET',
                `/v1/users?limit=500&host=${encodeURIComponent(name)}${after}`,
              )
              for (const { jid } of page.items) await writeUser(door, jid, write)
              cursor = page.next
            }
            write('</host>\n')
          }
          write('</server-data>\n')
        }),
      )
    })
}

/** `belfry user export`. */
export function addUserExport(user: Command, context: ContextOf): void {
  user
    .command('export <jid>')
    .description('write an account with its keys and messages as a file of XEP-0227')
    .option('--out <file>', 'write there, readable by its owner alone; else to standard output')
    .action(async (jid: string, { out }: { out?: string }) => {
      const ctx = context()
      await ctx.withDoor((door) =>
        toFile(ctx, out, async (write) => {
          // The first request tells whether there is such an account: nothing is written of one that is not.
          const parts: string[] = []
          await writeUser(door, jid, (text) => void parts.push(text))
          write(`${HEAD}<host jid="${escapeXML(jid.slice(jid.indexOf('@') + 1))}">\n`)
          parts.forEach(write)
          write('</host>\n</server-data>\n')
        }),
      )
    })
}

async function writeUser(door: Door, jid: string, write: Write): Promise<void> {
  const path = `/v1/users/${encodeURIComponent(jid)}/export`
  const profile = await door.call<Page>('GET', path)
  write(`<user name="${escapeXML(jid.slice(0, jid.indexOf('@')))}">\n`)
  write(profile.items.join('\n'))
  await writePart(door, `${path}?part=offline`, ['<offline-messages>', '</offline-messages>'], write)
  const archive = [`<archive xmlns="${NS.portable}#mam">`, '</archive>'] as const
  await writePart(door, `${path}?part=archive`, archive, write)
  write('</user>\n')
}

async function writePart(
  door: Door,
  path: string,
  [open, close]: readonly [string, string] | readonly string[],
  write: Write,
): Promise<void> {
  let isOpen = false
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Page = await door.call('GET', cursor === '' ? path : `${path}&cursor=${cursor}`)
    if (page.items.length > 0 && !isOpen) write(`${open ?? ''}\n`)
    isOpen ||= page.items.length > 0
    write(page.items.map((text) => `${text}\n`).join(''))
    cursor = page.next
  }
  if (isOpen) write(`${close ?? ''}\n`)
}

async function toFile(
  { options }: Context,
  out: string | undefined,
  f: (write: Write) => Promise<void>,
): Promise<void> {
  if (options.curl) return f(() => {})
  if (out === undefined) return f((text) => void process.stdout.write(text))
  const file = openSync(out, 'wx', 0o600)
  try {
    await f((text) => void writeSync(file, text))
  } finally {
    closeSync(file)
  }
}
