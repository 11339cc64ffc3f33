/** One account as a file of XEP-0227, a page of messages at a time, as fast as it is taken. */
import { archiveOf, profileOf, waitingOf } from '../../accounts/export.ts'
import type { Account } from '../../store/accounts.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { escapeXML } from '../../xmpp/xml.ts'
import type { HttpDeps } from '../deps.ts'

/** Messages that are read at once. */
const PAGE = 200

const encoder = new TextEncoder()

export function exportStream(deps: HttpDeps, account: Account): ReadableStream<Uint8Array> {
  const parts = partsOf(deps, account)
  return new ReadableStream({
    async pull(out) {
      // Others get their turn between two pages.
      await new Promise((resolve) => setImmediate(resolve))
      const part: IteratorResult<string, void> = parts.next()
      if (part.done === true) out.close()
      else out.enqueue(encoder.encode(part.value))
    },
  })
}

function* partsOf({ world: { store } }: HttpDeps, account: Account): Generator<string, void> {
  const [name = ''] = account.jid.split('@')
  yield `<?xml version="1.0" encoding="UTF-8"?>\n<server-data xmlns="${NS.portable}">\n<host jid="${escapeXML(account.host)}">\n`
  yield `<user name="${escapeXML(name)}">\n`
  for (const part of profileOf(store, account)) yield `${part}\n`
  yield* messages('<offline-messages>', '</offline-messages>', (from) =>
    waitingOf(store, account, from, PAGE),
  )
  yield* messages(`<archive xmlns="${NS.portable}#mam">`, '</archive>', (from) =>
    archiveOf(store, account, from, PAGE),
  )
  yield '</user>\n</host>\n</server-data>\n'
}

function* messages(
  open: string,
  close: string,
  read: (from: number) => { items: string[]; next: number | undefined },
): Generator<string> {
  let isOpen = false
  for (let from: number | undefined = 0; from !== undefined;) {
    const page: { items: string[]; next: number | undefined } = read(from)
    if (page.items.length > 0) yield `${isOpen ? '' : `${open}\n`}${page.items.join('\n')}\n`
    isOpen ||= page.items.length > 0
    from = page.next
  }
  if (isOpen) yield `${close}\n`
}
