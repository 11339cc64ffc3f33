/** The vocabulary of publish-subscribe (XEP-0060), as far as accounts speak it: node options, errors, events. */
import { StanzaError, type StanzaCondition } from './errors.ts'
import { type FormValues, readForm, writeForm } from './forms.ts'
import { NS } from './namespaces.ts'
import { child, type Element, StoredElement, xml } from './xml.ts'

export const PUBSUB = 'http://jabber.org/protocol/pubsub'
export const PUBSUB_OWNER = `${PUBSUB}#owner`
export const PUBSUB_EVENT = `${PUBSUB}#event`
const ERRORS = `${PUBSUB}#errors`
const NODE_CONFIG = `${PUBSUB}#node_config`
const PUBLISH_OPTIONS = `${PUBSUB}#publish-options`
const META_DATA = `${PUBSUB}#meta-data`

/** Characters of a node's or an item's name. */
const LONGEST_NAME = 1023
const LONGEST_TEXT = 1023
const MOST_GROUPS = 100

interface FieldRule {
  readonly type: 'boolean' | 'list-single' | 'text-single' | 'text-multi' | 'list-multi'
  readonly label: string
  readonly normal: readonly string[]
  readonly options?: readonly string[]
  /** The values in the one form in which they are stored and compared; undefined for what cannot be had. */
  readonly read: (values: readonly string[], most: number) => readonly string[] | undefined
}

const flag = (label: string, normal: boolean): FieldRule => ({
  type: 'boolean',
  label,
  normal: [normal ? '1' : '0'],
  read: ([value]) =>
    value === '1' || value === 'true' ? ['1'] : value === '0' || value === 'false' ? ['0'] : undefined,
})

const choice = (label: string, normal: string, ...others: string[]): FieldRule => ({
  type: 'list-single',
  label,
  normal: [normal],
  options: [normal, ...others],
  read: ([value = '']) => (value === normal || others.includes(value) ? [value] : undefined),
})

const line = (label: string): FieldRule => ({
  type: 'text-single',
  label,
  normal: [],
  read: ([value]) =>
    value === undefined || value === '' ? [] : value.length > LONGEST_TEXT ? undefined : [value],
})

const GROUPS = 'roster_groups_allowed'

/** Every option that a node has; others are not known here. */
const FIELDS = {
  title: line('A short name'),
  description: line('What it is about'),
  type: line('The namespace of the payloads'),
  access_model: choice('Who may read', 'presence', 'open', 'roster', 'whitelist'),
  roster_groups_allowed: {
    type: 'list-multi',
    label: 'Groups of the roster that may read',
    normal: [],
    read: (values) =>
      values.length > MOST_GROUPS || values.some((value) => value.length > LONGEST_TEXT)
        ? undefined
        : [...new Set(values)].sort(),
  },
  publish_model: choice('Who may publish', 'publishers'),
  persist_items: flag('Items are kept', true),
  max_items: {
    type: 'text-single',
    label: 'How many items are kept, or max',
    normal: ['1'],
    read: ([value = ''], most) => {
      if (value === 'max') return [value]
      const n = /^\d{1,9}$/.test(value) ? Number(value) : 0
      return n >= 1 && n <= most ? [String(n)] : undefined
    },
  },
  send_last_published_item: choice(
    'When the last item is sent again',
    'on_sub_and_presence',
    'on_sub',
    'never',
  ),
  deliver_notifications: flag('Changes are told', true),
  deliver_payloads: flag('News comes with its payload', true),
  notify_retract: flag('Retractions are told', true),
  notify_delete: flag('Deletion of the node is told', true),
  notify_config: flag('Changes of these options are told', false),
  notification_type: choice('Type of the messages', 'headline'),
} as const satisfies Record<string, FieldRule>

export type FieldName = keyof typeof FIELDS
/** Values by option, in the form that `read` gives them. */
export type NodeConfig = Readonly<Record<FieldName, readonly string[]>>

// Object.keys and fromEntries forget what the keys are; FIELDS has exactly these.
const NAMES = Object.keys(FIELDS) as FieldName[]
const rules: Readonly<Record<FieldName, FieldRule>> = FIELDS
export const DEFAULT_CONFIG = Object.fromEntries(
  NAMES.map((name) => [name, rules[name].normal]),
) as unknown as NodeConfig

const PRIVATE = { access_model: ['whitelist'] }
const PRIVATE_LIST = { ...PRIVATE, max_items: ['max'], send_last_published_item: ['never'] }
/** Purpose of a node, said by its XEP: it holds even where the client that makes the node says nothing. */
const KNOWN: Readonly<Record<string, Partial<NodeConfig>>> = {
  [NS.bookmarks]: PRIVATE_LIST, // XEP-0402 §3.3
  [NS.displayed]: PRIVATE_LIST, // XEP-0490 §4.2, §5.2
  [NS.oldBookmarks]: PRIVATE, // XEP-0223 §2
  'urn:xmpp:contacts': { ...PRIVATE, max_items: ['max'] }, // XEP-0292 §5.2
  [NS.vcard4]: { deliver_payloads: ['0'] }, // XEP-0292 §4.2.2: the news, not the card with its picture
}

/** Configuration of a new node before anyone says otherwise. */
export function defaultsOf(node: string): NodeConfig {
  return { ...DEFAULT_CONFIG, ...(Object.hasOwn(KNOWN, node) ? KNOWN[node] : undefined) }
}

export function isSet(config: NodeConfig, name: FieldName): boolean {
  return config[name][0] === '1'
}

export function option(config: NodeConfig, name: FieldName): string {
  return config[name][0] ?? ''
}

/** Number of items that a node keeps when the server allows `most`. */
export function maxItems(config: NodeConfig, most: number): number {
  const value = option(config, 'max_items')
  // A limit that is off is infinite, which SQLite does not count.
  return Math.min(value === 'max' ? most : Number(value), most, Number.MAX_SAFE_INTEGER)
}

/** The form in which an owner sees and changes a node's options (XEP-0060 §8.2); `groups` are those of the roster. */
export function configForm(config: NodeConfig, groups: readonly string[] = []): Element {
  const fields = NAMES.map((name) => {
    const { type, label } = rules[name]
    const values = config[name]
    const options = name === GROUPS ? [...new Set([...groups, ...values])].sort() : rules[name].options
    return { name: `pubsub#${name}`, type, label, values, options }
  })
  return writeForm('form', NODE_CONFIG, fields)
}

/** Metadata of a node for everyone who may read it (XEP-0060 §5.4). */
export function metaData(config: NodeConfig, owner: string): Element {
  const shown = (['title', 'description', 'type', 'access_model', 'max_items'] as const).map((name) => ({
    name: `pubsub#${name}`,
    type: rules[name].type,
    values: config[name],
  }))
  return writeForm('result', META_DATA, [
    ...shown,
    { name: 'pubsub#owner', type: 'jid-multi', values: [owner] },
  ])
}

/** The options with what a submitted form changes; fields that mean nothing here change nothing (XEP-0060 §8.2.4). */
export function applyForm(config: NodeConfig, x: Element | undefined, most: number): NodeConfig {
  const form = x && readForm(x, NODE_CONFIG)
  if (!form) throw new StanzaError('bad-request', 'A form of the type pubsub#node_config is needed.')
  return merge(config, form, most)
}

/** The preconditions of a publication; undefined where there are none (XEP-0060 §7.1.5). */
export function readPublishOptions(pubsub: Element): FormValues | undefined {
  const el = child(pubsub, 'publish-options')
  if (!el) return undefined
  const x = child(el, 'x', NS.forms)
  const form = x && readForm(x, PUBLISH_OPTIONS)
  if (!form) throw refusal('bad-request', 'invalid-options', 'The form has another type.')
  for (const name of form.keys()) {
    if (name !== 'FORM_TYPE' && !fieldName(name))
      throw refusal('bad-request', 'invalid-options', `${name}: not a known option.`)
  }
  return form
}

/** Whether a node is configured as a publication demands. */
export function meets(config: NodeConfig, options: FormValues, most: number): boolean {
  for (const [key, values] of options) {
    const name = fieldName(key)
    if (!name) continue
    const wanted = rules[name].read(values, most)
    if (!wanted) return false
    if (name === 'max_items') {
      if (maxItems({ ...config, max_items: wanted }, most) !== maxItems(config, most)) return false
    } else if (wanted.join('\n') !== config[name].join('\n')) return false
  }
  return true
}

/** Throws `not-acceptable` for a value that cannot be had. */
export function merge(config: NodeConfig, form: FormValues, most: number): NodeConfig {
  const changed: Partial<Record<FieldName, readonly string[]>> = {}
  for (const [key, values] of form) {
    const name = fieldName(key)
    if (!name) continue
    const read = rules[name].read(values, most)
    if (read) changed[name] = read
    else if (name === 'access_model') throw refusal('not-acceptable', 'unsupported-access-model')
    else throw new StanzaError('not-acceptable', `${key}: this value is not possible.`)
  }
  return { ...config, ...changed }
}

function fieldName(key: string): FieldName | undefined {
  return NAMES.find((name) => key === `pubsub#${name}`)
}

/** An error with its condition of XEP-0060 §14.4. */
export function refusal(
  condition: StanzaCondition,
  app: string,
  text?: string,
  feature?: string,
): StanzaError {
  return new StanzaError(condition, text, { app: xml(app, { xmlns: ERRORS, feature }) })
}

/** Features that are not offered, by their names in XEP-0060 §10. */
export function unsupported(feature: string): StanzaError {
  return refusal('feature-not-implemented', 'unsupported', undefined, feature)
}

/** The name of a node or an item, short enough to be kept. */
export function checkName(name: string): string {
  if (name.length > LONGEST_NAME) throw new StanzaError('not-acceptable', 'The name is too long.')
  return name
}

export function itemElement(item: { readonly id: string; readonly xml: string }, payload = true): Element {
  const shown = payload && item.xml !== ''
  return xml('item', { id: item.id }, shown ? new StoredElement('payload', item.xml) : undefined)
}

/** Content of a notification (XEP-0060 §7.1.2.1). */
export function event(...content: Element[]): Element {
  return xml('event', { xmlns: PUBSUB_EVENT }, ...content)
}
