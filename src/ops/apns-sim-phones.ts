/** Phones as the simulator's pushes have made them look: what stands on the lock screen, and the number on the icon. */
import { BoundedMap } from '../bounded-map.ts'
import { isRecord } from './apns-sim-checks.ts'
import type { SimReceived } from './apns-sim.ts'

export interface Notification {
  readonly at: number
  readonly title: string
  /** Speaker in a room. */
  readonly subtitle: string
  readonly body: string
  /** Those of one conversation stand together. */
  readonly thread: string
  /** One with the same id takes its place. */
  readonly id: string
  /** Times that it was replaced. */
  readonly updates: number
}

export interface SimPhone {
  readonly topic: string
  readonly token: string
  badge: number
  /** The newest first. */
  notifications: Notification[]
}

const PHONES = 200
/** Notifications of a phone, and characters of each part; beyond them nobody looks. */
const SHOWN = 30
const TEXT = 500

/** Topics of tokens that put nothing on the lock screen by themselves. */
const OTHER_USE = /\.(?:push-type\.\w+|location-query|voip-ptt|complication|pushkit\.fileprovider)$/

const keyOf = (topic: string, token: string): string => `${topic} ${token}`

export class SimPhones {
  readonly #phones = new BoundedMap<string, SimPhone>(PHONES)

  /** Those that got a push, the last first. */
  list(): SimPhone[] {
    return [...this.#phones.values()].reverse()
  }

  find(topic: string, token: string): SimPhone | undefined {
    return this.#phones.get(keyOf(topic, token))
  }

  /** The app is open: it takes away what stood there, as apps do. */
  opened(topic: string, token: string): void {
    const phone = this.find(topic, token)
    if (phone) Object.assign(phone, { badge: 0, notifications: [] })
  }

  /** A phone goes: its app is nowhere registered any more. */
  forget(topic: string, token: string): void {
    this.#phones.delete(keyOf(topic, token))
  }

  /** A push that was answered, with a 200 or not. */
  take({ status, topic, token, payload, collapseId, apnsId, at }: SimReceived): void {
    if (status !== 200 || OTHER_USE.test(topic)) return
    const key = keyOf(topic.replace(/\.voip$/, ''), token)
    const phone = this.#phones.use(key) ?? { topic, token, badge: 0, notifications: [] }
    this.#phones.set(key, phone)
    const aps = isRecord(payload.aps) ? payload.aps : {}
    if (typeof aps.badge === 'number') phone.badge = aps.badge
    // iOS: a badge of 0 takes all of the app's notifications from the screen.
    if (aps.badge === 0) phone.notifications = []
    // An app that takes notices off does so by their names.
    if (Array.isArray(payload.remove)) {
      const gone = new Set<unknown>(payload.remove)
      phone.notifications = phone.notifications.filter(({ id }) => !gone.has(id))
    }
    // PushKit's pushes have no words of their own.
    const words = wordsOf(aps.alert) ?? (typeof payload.call === 'string' ? wordsOfCall(payload) : undefined)
    if (!words) return
    const id = collapseId ?? apnsId
    const before = phone.notifications.find((one) => one.id === id)
    const updates = before ? before.updates + 1 : 0
    const thread = typeof aps['thread-id'] === 'string' ? aps['thread-id'] : ''
    const others = phone.notifications.filter((one) => one !== before)
    phone.notifications = [{ at, ...words, thread, id, updates }, ...others].slice(0, SHOWN)
  }
}

type Words = Pick<Notification, 'title' | 'subtitle' | 'body'>

const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, TEXT) : '')

/** Undefined: nothing is to be seen. */
function wordsOf(alert: unknown): Words | undefined {
  if (typeof alert === 'string')
    return alert === '' ? undefined : { title: '', subtitle: '', body: text(alert) }
  if (!isRecord(alert)) return undefined
  const { title, subtitle, body, 'loc-key': key } = alert
  const words = { title: text(title), subtitle: text(subtitle), body: text(body) || text(key) }
  return words.title === '' && words.body === '' ? undefined : words
}

const wordsOfCall = ({ call, from }: Record<string, unknown>): Words => ({
  title: text(from),
  subtitle: '',
  body: call === 'proposed' ? 'Incoming call' : 'The call is over',
})
