/** Message Archive Management (XEP-0313): an account reads its own archive and says what it takes. */
import type { Feature, HookResult } from '../routing/feature.ts'
import type { Transit, Trip } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import type { ArchiveFilter, ArchiveMode } from '../store/history.ts'
import type { Stored } from '../store/messages.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { forwardedText } from '../xmpp/forward.ts'
import { type FormValues, formValue, readForm } from '../xmpp/forms.ts'
import type { Jid } from '../xmpp/jid.ts'
import { readJid } from '../xmpp/stanza.ts'
import { finOf, readTime, SEARCH_FIELDS, searchForm } from '../xmpp/mam.ts'
import { isArchiveResult } from '../xmpp/message.ts'
import { NS } from '../xmpp/namespaces.ts'
import { type PageRequest, readPage } from '../xmpp/rsm.ts'
import { child, children, type Element, elements, escapeXML, xml } from '../xmpp/xml.ts'

/** Messages of a page when the client does not say. */
const PAGE = 50

const KNOWN = new Set<string>(['FORM_TYPE', ...SEARCH_FIELDS.map(({ name }) => name)])

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
  const filter = withPage(t, readFilter(t, el), page)
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
  const n = fitting(fromEnd ? rows.toReversed() : rows, limit, archive_page_bytes)
  const complete = n === rows.length && history.isScannable(account, filter, archive_scan)
  if (n === 0 && !complete) throw tooMany()
  const shown = fromEnd ? rows.slice(rows.length - n) : rows.slice(0, n)
  const order = child(el, 'flip-page') ? shown.toReversed() : shown
  for (const { id, xml: text } of order) {
    const attrs = { xmlns: NS.mam, queryid: el.attrs.queryid, id: String(id) }
    const result = xml('result', attrs, forwardedText(text, t.store.receipts.timeOf(id)))
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

/** Number of these that are a page: at least one, where there is one. The rest comes with the next one. */
function fitting(rows: readonly Stored[], limit: number, most: number): number {
  let bytes = 0
  const end = rows.findIndex(({ xml: text }) => (bytes += Buffer.byteLength(text)) > most)
  return Math.min(end < 0 ? rows.length : Math.max(end, 1), limit)
}

/** §4.1: a field that is not known is an error, so that no client believes in a filter that is not applied. */
function readFilter(t: Transit, el: Element): ArchiveFilter {
  const x = child(el, 'x', NS.forms)
  if (!x) return {}
  const form = readForm(x, NS.mam)
  if (!form) throw new StanzaError('bad-request', 'The form has another type.')
  const unknown = [...form.keys()].find((name) => !KNOWN.has(name))
  if (unknown !== undefined)
    throw new StanzaError('feature-not-implemented', `${unknown}: not a known field.`)
  const jid = readWith(form)
  const ids = form.get('ids')
  if (ids && ids.length > t.config.limits.archive_ids) throw new StanzaError('bad-request', 'ids: too many.')
  return {
    peer: jid?.bare,
    resource: jid?.isFull ? escapeXML(jid.toString()) : undefined,
    start: readTime(form, 'start'),
    end: readTime(form, 'end'),
    beforeId: readId(t, formValue(form, 'before-id')),
    afterId: readId(t, formValue(form, 'after-id')),
    ids: ids?.map((id) => readId(t, id) ?? 0),
  }
}

/** The place in the result set joins the filter: the narrower of both holds. */
function withPage(t: Transit, filter: ArchiveFilter, page: PageRequest): ArchiveFilter {
  const after = readId(t, page.after)
  const before = page.before ? readId(t, page.before) : undefined
  return {
    ...filter,
    afterId: after === undefined ? filter.afterId : Math.max(after, filter.afterId ?? 0),
    beforeId: before === undefined ? filter.beforeId : Math.min(before, filter.beforeId ?? before),
  }
}

function readWith(form: FormValues): Jid | undefined {
  const text = formValue(form, 'with')
  return text === undefined ? undefined : readJid(text, 'with')
}

/** §4.1.4: an id that is not in this archive, also because it is in another one, is not found. */
function readId(t: Transit, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const id = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(id) || !t.store.history.has(t.account, id))
    throw new StanzaError('item-not-found')
  return id
}

function metadata(t: Trip, account: Account): Element {
  const bounds = t.store.history.bounds(account)
  const mark = (name: string, id: number) =>
    xml(name, { id: String(id), timestamp: new Date(t.store.receipts.timeOf(id)).toISOString() })
  return xml(
    'metadata',
    { xmlns: NS.mam },
    bounds && mark('start', bounds.first),
    bounds && mark('end', bounds.last),
  )
}

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
