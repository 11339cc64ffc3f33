/** Portable import and export (XEP-0227), as Prosody, ejabberd (piefxis) and others write it. */
import { NS } from '../xmpp/namespaces.ts'
import type { Element } from '../xmpp/xml.ts'
import { elements } from '../xmpp/xml.ts'
import { sizeOf } from './input.ts'
import { hashNamed, keysOfBase64 } from './keys.ts'
import { type Fact, type Source, SourceError, type SourceKeys } from './model.ts'
import type { ReaderEvent } from '../xml/reader.ts'
import { xmlEvents } from './xml-file.ts'
import { factsOf, textOf } from './xep0227-parts.ts'

/** Elements that are read child by child: a file may hold a whole server. */
const CONTAINERS = new Set(['server-data', 'host', 'user', 'offline-messages', 'archive', 'pubsub', 'items'])

interface Container {
  readonly name: string
  readonly attrs: Element['attrs']
}

/** `pass` 0 gives accounts, 1 all else: a file may name the password behind the roster. */
export const xep0227 = (paths: readonly string[], encoding?: string): Source => ({
  bytes: 2 * sizeOf(paths),
  passes: 2,
  async *facts(pass, told) {
    for (const path of paths) {
      const reading: Reading = { path, pass, open: [], owner: '', keys: [] }
      for await (const events of xmlEvents(path, (name) => CONTAINERS.has(name), told, encoding))
        yield factsIn(events, reading)
    }
  },
})

/** A file that is being read, and what encloses its next element. */
interface Reading {
  readonly path: string
  readonly pass: number
  readonly open: Container[]
  owner: string
  keys: SourceKeys[]
}

function* factsIn(events: Iterable<ReaderEvent>, reading: Reading): Generator<Fact> {
  const { path, pass, open } = reading
  for (const event of events)
    if (event.kind === 'open') {
      const { name, attrs } = event.element
      if (open.length === 0) {
        checkRoot(path, name)
        if (pass === 0) yield* aboutNamespace(path, event.xmlns)
      }
      open.push({ name, attrs })
      if (name !== 'user') continue
      reading.owner = addressOf(open, attrs)
      reading.keys = []
    } else if (event.kind === 'close') {
      const closed = open.pop()
      if (closed?.name !== 'user') continue
      if (pass === 0) yield account(reading.owner, reading.keys, closed.attrs)
      reading.owner = ''
    } else yield* ofElement(event.element, reading)
}

function* ofElement(el: Element, { path, pass, open, owner, keys }: Reading): Generator<Fact> {
  if (el.name === 'user' && owner === '') yield* whole(addressOf(open, el.attrs), el, pass)
  else if (el.name === 'include') {
    const why = `it names ${el.attrs.href ?? 'another file'}, which is not followed: name the files themselves`
    if (pass === 0) yield { kind: 'reject', owner: path, why }
  } else if (owner !== '' && pass === 0) keys.push(...keysOf(el))
  else if (owner !== '') yield* factsOf(owner, el, open.at(-1) ?? { name: '', attrs: {} })
}

/** A user that has no children to be read one by one. */
function* whole(owner: string, user: Element, pass: number): Generator<Fact> {
  if (pass === 0) yield account(owner, elements(user).flatMap(keysOf), user.attrs)
  else for (const el of elements(user)) yield* factsOf(owner, el, { name: 'user', attrs: user.attrs })
}

function account(owner: string, keys: readonly SourceKeys[], attrs: Element['attrs']): Fact {
  return { kind: 'account', owner, keys, password: attrs.password || undefined }
}

const addressOf = (open: readonly Container[], { name = '' }: Element['attrs']): string =>
  `${name}@${open.findLast((container) => container.name === 'host')?.attrs.jid ?? ''}`

function checkRoot(path: string, name: string): void {
  if (name === 'Openfire')
    throw new SourceError(`${path} is an export of Openfire, which has another form than XEP-0227`)
  if (name !== 'server-data' && name !== 'host')
    throw new SourceError(`${path} begins with <${name}/>, so it is not a file of XEP-0227`)
}

/** Told, and read all the same: exporters have had several. */
function* aboutNamespace(path: string, xmlns: string): Generator<Fact> {
  if (xmlns === NS.portable) return
  const why = `its namespace is "${xmlns}", not "${NS.portable}"; it was read all the same`
  yield { kind: 'reject', owner: path, why }
}

function keysOf(el: Element): SourceKeys[] {
  if (el.name !== 'scram-credentials') return []
  const hash = hashNamed(el.attrs.mechanism ?? 'SCRAM-SHA-1')
  if (!hash) return []
  return [
    keysOfBase64(hash, {
      salt: textOf(el, 'salt'),
      storedKey: textOf(el, 'stored-key'),
      serverKey: textOf(el, 'server-key'),
      iterations: Number(textOf(el, 'iter-count')),
    }),
  ]
}
