/** Message Archive Management (XEP-0313): an account reads its own archive and says what it takes. */
import type { Feature, HookResult } from '../routing/feature.ts'
import type { Transit, Trip } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import type { ArchiveFilter, ArchiveMode } from '../store/history.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { readJid } from '../xmpp/stanza.ts'
import {
  finOf,
  metadataOf,
  PAGE,
  pageOf,
  readArchiveId,
  readSearch,
  resultOf,
  searchForm,
} from '../xmpp/mam.ts'
import { isArchiveResult } from '../xmpp/message.ts'
import { NS } from '../xmpp/namespaces.ts'
import { type PageRequest, readPage } from '../xmpp/rsm.ts'
import { child, children, type Element, elements, escapeXML, xml } from '../xmpp/xml.ts'

export const mam: Feature = {
  name: 'mam',
  xeps: [
    { number: 313, version: '1.1.3' },
    { number: 59, version: '1.0' },
  ],
  // COMPAT(profanity, 0.13.1): it asks the domain alone whether accounts have an archive.
  disco: { server: [NS.mam], account: [NS.mam, `${NS.mam}#extended`] },
  iq: {
    [`account get {${NS.mam}}query`]: () => xml('query', { xmlns: NS.mam }, searchForm()),
    [`account set {${NS.mam}}query`]: query,
    [`account get {${NS.mam}}metadata`]: (t) => metadata(t, t.account),
    [`account get {${NS.mam}}prefs`]: (t) => prefs(t),
    [`account set {${NS.mam}}prefs`]: setPrefs,
  },

  /** §8.2: results that a client makes up must never reach another one. */
  sent(t): HookResult {
    if (t.stanza.kind === 'message' && elements(t.stanza.el).some(isArchiveResult))
      throw new StanzaError('not-allowed', 'Only an archive sends results.')
  },

  /** XEP-0386 §4.4: so that the client knows what to fetch. */
  bound: (t, session) => metadata(t, session.account),
}

function query(t: Transit, el: Element): Element {
  const { account, origin } = t
  const { history } = t.store
  const { archive_page, archive_page_bytes, archive_scan, archive_count } = t.config.limits
  const page = readPage(el)
  const filter = readFilter(t, el, page)
  const limit = Math.min(page.max ?? PAGE, archive_page)
  // XEP-0059 §2.7: a page of none asks how many there are.
  if (page.max === 0) {
    if (!history.isScannable(account, filter, archive_scan)) throw tooMany()
    const total = history.count(account, filter, { most: archive_count, scan: archive_scan })
    // §4.3: what there is was not on this page.
    return finOf([], total === 0, total)
  }
  const fromEnd = page.before !== undefined
  const rows = history.page(account, filter, { limit: limit + 1, fromEnd, scan: archive_scan })
  const shown = pageOf(rows, fromEnd, limit, archive_page_bytes)
  const complete = shown.length === rows.length && history.isScannable(account, filter, archive_scan)
  if (shown.length === 0 && !complete) throw tooMany()
  const order = child(el, 'flip-page') ? shown.toReversed() : shown
  for (const { id, xml: text } of order) {
    const result = resultOf(el, id, text, t.store.receipts.timeOf(id))
    if (origin) t.write(origin, xml('message', { from: account.jid, to: origin.jid.toString() }, result))
  }
  return finOf(
    shown.map(({ id }) => String(id)),
    complete,
  )
}

/** There is no place to go on from where nothing was found. */
function tooMany(): StanzaError {
  return new StanzaError('resource-constraint', 'Too many messages to look through: say from when to when.')
}

function readFilter(t: Transit, el: Element, page: PageRequest): ArchiveFilter {
  const { history } = t.store
  const idOf = (text: string) => readArchiveId(text, (id) => history.has(t.account, id))
  const { with: other, ...filter } = readSearch(el, page, t.config.limits.archive_ids, idOf)
  const jid = other === undefined ? undefined : readJid(other, 'with')
  return { ...filter, peer: jid?.bare, resource: jid?.isFull ? escapeXML(jid.toString()) : undefined }
}

const metadata = (t: Trip, account: Account): Element =>
  metadataOf(t.store.history.bounds(account), (id) => t.store.receipts.timeOf(id))

function prefs(t: Transit): Element {
  const known = t.store.history.prefs(t.account)
  const list = (name: string, jids: readonly string[]) =>
    xml(name, {}, ...jids.map((jid) => xml('jid', {}, jid)))
  return xml(
    'prefs',
    { xmlns: NS.mam, default: known?.mode ?? t.config.archive.default },
    list('always', known?.always ?? []),
    list('never', known?.never ?? []),
  )
}

/** §6.1: what is stored is answered, so that the client sees what was understood. */
function setPrefs(t: Transit, el: Element): Element {
  const mode = el.attrs.default
  if (!isMode(mode)) throw new StanzaError('bad-request', 'default: one of always, roster and never.')
  t.store.history.setPrefs(t.account, {
    mode,
    always: readJids(t, el, 'always'),
    never: readJids(t, el, 'never'),
  })
  return prefs(t)
}

function readJids(t: Transit, el: Element, name: string): string[] {
  const list = child(el, name)
  const items = list ? children(list, 'jid') : []
  if (items.length > t.config.limits.archive_prefs)
    throw new StanzaError('resource-constraint', `${name}: too many addresses.`)
  return [...new Set(items.map((item) => readJid(item.getText()).bare))]
}

function isMode(text: string | undefined): text is ArchiveMode {
  return text === 'always' || text === 'roster' || text === 'never'
}
