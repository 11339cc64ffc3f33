/** One account as the parts of a file of XEP-0227: what `belfry import xep0227` takes is all here. */
import { NS } from '../xmpp/namespaces.ts'
import type { Account } from '../store/accounts.ts'
import type { ReadStore } from '../store/tx.ts'
import { configForm, PUBSUB, PUBSUB_OWNER, itemElement } from '../xmpp/pubsub.ts'
import { xml } from '../xmpp/xml.ts'
import { rosterItem } from './roster.ts'

/** Bytes of the items of one node. */
const NODE_BYTES = 64 * 1024 * 1024

const inClient = (text: string): string =>
  text.replace(/^<(message|presence)(?![^>]* xmlns=)/, `<$1 xmlns="${NS.client}"`)

/** Everything but messages: keys, roster, requests, card, private documents, block list, preferences, publications. */
export function* profileOf(store: ReadStore, account: Account): Generator<string> {
  for (const hash of ['SHA-1', 'SHA-256'] as const) {
    const keys = store.accounts.scramKeys(account, hash)
    if (!keys) continue
    const of = (name: string, value: Buffer) => xml(name, {}, value.toString('base64'))
    yield xml(
      'scram-credentials',
      { xmlns: `${NS.portable}#scram`, mechanism: `SCRAM-${hash}` },
      xml('iter-count', {}, String(keys.iterations)),
      of('salt', keys.salt),
      of('server-key', keys.serverKey),
      of('stored-key', keys.storedKey),
    ).toString()
  }
  const contacts = store.contacts.all(account)
  const items = contacts.filter(({ listed }) => listed).map(rosterItem)
  if (items.length > 0) yield xml('query', { xmlns: NS.roster }, ...items).toString()
  for (const { pending } of contacts) if (pending !== null) yield inClient(pending)
  const card = store.accounts.vcard(account)
  if (card !== undefined) yield card
  const documents = store.privateXml.all(account)
  if (documents.length > 0) yield `<query xmlns="${NS.private}">${documents.join('')}</query>`
  const blocked = [...store.blocked.of(account)].map((jid) => xml('item', { jid }))
  if (blocked.length > 0) yield xml('blocklist', { xmlns: NS.blocking }, ...blocked).toString()
  const prefs = store.history.prefs(account)
  if (prefs) {
    const list = (name: string, jids: readonly string[]) =>
      xml(name, {}, ...jids.map((jid) => xml('jid', {}, jid)))
    const lists = [list('always', prefs.always), list('never', prefs.never)]
    yield xml('prefs', { xmlns: NS.mam, default: prefs.mode }, ...lists).toString()
  }
  yield* publications(store, account)
}

function* publications(store: ReadStore, account: Account): Generator<string> {
  const nodes = store.pep.nodes(account)
  if (nodes.length === 0) return
  const forms = nodes.map(({ node, config }) => xml('configure', { node }, configForm(config)))
  yield xml('pubsub', { xmlns: PUBSUB_OWNER }, ...forms).toString()
  yield `<pubsub xmlns="${PUBSUB}">`
  for (const { node } of nodes) {
    const all = { fromEnd: false, limit: Number.MAX_SAFE_INTEGER, bytes: NODE_BYTES }
    const items = store.pep.items(account, node, all).map((item) => itemElement(item))
    if (items.length > 0) yield xml('items', { node }, ...items).toString()
  }
  yield '</pubsub>'
}

export interface ExportPage {
  readonly items: string[]
  /** Id behind which to go on. */
  readonly next: number | undefined
}

/** Messages that wait, behind an id. */
export function waitingOf(store: ReadStore, account: Account, after: number, limit: number): ExportPage {
  const rows = store.messages.waiting(account, after, limit)
  return {
    items: rows.map((row) => inClient(row.xml)),
    next: rows.length < limit ? undefined : rows.at(-1)?.id,
  }
}

/** Archived messages behind an id, each with the time that its id is. */
export function archiveOf(store: ReadStore, account: Account, after: number, limit: number): ExportPage {
  const page = { limit, fromEnd: false, scan: limit }
  const rows = store.history.page(account, { afterId: after }, page)
  const items = rows.map(({ id, xml: text }) => {
    const ms = new Date(store.receipts.timeOf(id)).toISOString().slice(0, -1)
    const stamp = `${ms}${String(id % 1000).padStart(3, '0')}Z`
    const delay = xml('delay', { xmlns: NS.delay, stamp }).toString()
    const forwarded = `<forwarded xmlns="${NS.forward}">${delay}${inClient(text)}</forwarded>`
    return `<result xmlns="${NS.mam}" id="${id}">${forwarded}</result>`
  })
  return { items, next: rows.length < limit ? undefined : rows.at(-1)?.id }
}
