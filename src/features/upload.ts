/** HTTP File Upload (XEP-0363): slots. What is put and fetched is http/uploads.ts. */
import type { Config } from '../config/config.ts'
import type { Feature, Service } from '../routing/feature.ts'
import type { Transit } from '../routing/transit.ts'
import { PURPOSES, type Purpose } from '../store/uploads.ts'
import { plainName, uploadBase, uploadUrl } from '../uploads/address.ts'
import { removeFilesOf } from '../uploads/remove.ts'
import { bucketOf, excessOf, keepOf } from '../uploads/quota.ts'
import { storageOf } from '../uploads/storage-of.ts'
import { readType } from '../uploads/types.ts'
import { discoContent } from '../xmpp/disco.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { writeForm } from '../xmpp/forms.ts'
import { NS } from '../xmpp/namespaces.ts'
import { mayBounce } from '../xmpp/stanza.ts'
import { parseTime } from '../xmpp/time.ts'
import { childText, type Element, elements, firstElement, xml } from '../xmpp/xml.ts'

/** COMPAT(XMPPFramework; old Conversations): as it was before attributes and headers, with texts instead. */
const OLD = ['urn:xmpp:http:upload', 'eu:siacs:conversations:http:upload']
const NAMESPACES = [NS.upload, ...OLD]
const PURPOSE = 'urn:xmpp:http:upload:purpose:0'
/** 128 bits are beyond guessing; of the key some more, since it lets in what is then served. */
const FILE_BYTES = 16
const KEY_BYTES = 24

export const upload = ({ upload: { enabled } }: Config): Feature => ({
  name: 'upload',
  xeps: [{ number: 363, version: '1.2.0', note: 'both older forms of the request, too' }],
  ...(enabled && { service }),
  deleted(t, jid) {
    const account = t.store.accounts.find(jid.bare)
    if (account) removeFilesOf(t, storageOf(t.world), account)
  },
})

const service: Service = {
  name: 'Files',
  // A host without an address for files has no such service: clients would show a button that never works.
  domainOf: (host, config) =>
    uploadBase(config, host) === undefined ? undefined : config.upload.host.replaceAll('{host}', host),
  receive(t, to) {
    const { stanza } = t
    if (stanza.isRequest && to.local === '' && to.isBare) return t.reply(answer(t))
    if (stanza.isRequest || (stanza.kind === 'message' && mayBounce('message', stanza.type)))
      throw new StanzaError('service-unavailable')
  },
}

function answer(t: Transit): Element | undefined {
  const payload = firstElement(t.stanza.el)
  if (!payload) throw new StanzaError('bad-request')
  const xmlns = payload.attrs.xmlns ?? ''
  if (t.stanza.type === 'get') {
    if (NAMESPACES.includes(xmlns) && payload.name === 'request') return slot(t, payload, xmlns)
    if (xmlns === NS.discoInfo) return info(t, payload)
    if (xmlns === NS.discoItems) return xml('query', { xmlns: NS.discoItems, node: payload.attrs.node })
    if (xmlns === NS.ping) return undefined
  }
  throw new StanzaError('service-unavailable')
}

function info(t: Transit, query: Element): Element {
  if (query.attrs.node !== undefined) throw new StanzaError('item-not-found')
  const { max_size } = t.config.upload
  // Each kind of client looks for a form of its own namespace.
  const forms = NAMESPACES.map((type) =>
    writeForm('result', type, [{ name: 'max-file-size', values: [String(max_size)] }]),
  )
  const content = discoContent({
    identities: [{ category: 'store', type: 'file', name: 'Files' }],
    features: [
      NS.discoInfo,
      NS.discoItems,
      ...NAMESPACES,
      ...PURPOSES.map((name) => `${PURPOSE}#${name}`),
      NS.ping,
    ],
    forms: Number.isFinite(max_size) ? forms : [],
  })
  return xml('query', { xmlns: NS.discoInfo }, ...content)
}

/** The wish (§4), in attributes or in elements. */
function read(request: Element): { name: string; size: number; type: string | undefined } {
  const said = (key: string): string | undefined => request.attrs[key] ?? childText(request, key)
  const [name, size] = [said('filename'), said('size')?.trim()]
  if (!name) throw new StanzaError('bad-request', 'filename is missing.')
  if (size === undefined || !/^\d{1,15}$/.test(size) || Number(size) === 0)
    throw new StanzaError('bad-request', 'size is not a number of bytes.')
  return { name: plainName(name), size: Number(size), type: readType(said('content-type')) }
}

/** §5; what is unknown is for a message, which is kept as long as any. */
function readPurpose(t: Transit, request: Element): { purpose: Purpose; endsAt: number | null } {
  const asked = elements(request).find(({ attrs }) => attrs.xmlns === PURPOSE)
  const purpose = PURPOSES.find((name) => name === asked?.name) ?? 'message'
  if (purpose !== 'ephemeral') return { purpose, endsAt: null }
  const end = parseTime(asked?.attrs['expire-before'] ?? '')
  if (end === undefined) throw new StanzaError('bad-request', 'expire-before is not a time.')
  if (end <= t.now) throw new StanzaError('bad-request', 'expire-before is over.')
  return { purpose, endsAt: end }
}

function slot(t: Transit, request: Element, xmlns: string): Element {
  const { name, size, type } = read(request)
  const { purpose, endsAt } = readPurpose(t, request)
  if (!t.origin) throw new StanzaError('forbidden', 'Accounts of this server alone may send files.')
  const { account } = t
  const { max_size } = t.config.upload
  if (size > max_size) throw tooLarge(max_size, xmlns)
  const excess = excessOf(t.world, { accountId: account.id, purpose, size })
  if (excess === 'server') throw new StanzaError('resource-constraint', 'There is no room for files here.')
  if (excess) throw overQuota(t, purpose, xmlns)
  refuseTooMany(t, xmlns)
  const base = uploadBase(t.config, account.host)
  if (base === undefined) throw new StanzaError('service-unavailable')
  const file = t.world.random.bytes(FILE_BYTES).toString('hex')
  const key = t.world.random.bytes(KEY_BYTES).toString('hex')
  const row = { file, key, accountId: account.id, purpose, name, size, type: type ?? null }
  t.store.uploads.create({ ...row, madeAt: t.now, endsAt })
  return slotElement(xmlns, uploadUrl(base, key, name), uploadUrl(base, file, name))
}

function slotElement(xmlns: string, put: string, get: string): Element {
  if (xmlns === NS.upload) return xml('slot', { xmlns }, xml('put', { url: put }), xml('get', { url: get }))
  return xml('slot', { xmlns }, xml('put', {}, put), xml('get', {}, get))
}

/** §6, in the namespace that the client knows. */
function tooLarge(max: number, xmlns: string): StanzaError {
  const app = xml('file-too-large', { xmlns }, xml('max-file-size', {}, String(max)))
  return new StanzaError('not-acceptable', `File too large. The maximum file size is ${max} bytes.`, { app })
}

function overQuota(t: Transit, purpose: Purpose, xmlns: string): StanzaError {
  const text = 'Your files take all the room that there is for them.'
  const oldest = t.store.uploads.oldestOf(t.account.id, bucketOf(purpose))
  const free = oldest === undefined ? Infinity : oldest + keepOf(t.config, purpose)
  return new StanzaError(
    'resource-constraint',
    text,
    Number.isFinite(free) ? { app: retry(free, xmlns) } : {},
  )
}

function refuseTooMany(t: Transit, xmlns: string): void {
  const { slots, slot_life } = t.config.upload
  const { n, first } = t.store.uploads.slotsOf(t.account.id, t.now - slot_life)
  if (n < slots) return
  const app = retry((first ?? t.now) + slot_life, xmlns)
  throw new StanzaError('resource-constraint', `At most ${slots} uploads may wait to begin.`, { app })
}

const retry = (at: number, xmlns: string): Element =>
  xml('retry', { xmlns, stamp: new Date(at).toISOString() })
