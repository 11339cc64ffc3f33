/** @jsxImportSource hono/jsx */
/** /admin/simulator: each device as a phone, while pushes go to the simulator. */
import type { SimPhones } from '../../ops/apns-sim-phones.ts'
import { connectionOf } from '../../push/schedule/in-use.ts'
import { sessionOf } from '../../push/registration/whose.ts'
import type { HttpDeps } from '../deps.ts'
import { notFound } from '../problem.ts'
import { type App } from '../policy.ts'
import { html } from './answers.ts'
import { Broadcast, nameIn } from './broadcast.ts'
import { Layout } from './layout.tsx'
import { addEvents } from './live.ts'
import type { Pages } from './pages.ts'
import { Phone } from './phone.tsx'
import type { WebSessions } from './session.ts'
import { Rich } from './rich.tsx'
import { tr } from './words.ts'

/** Milliseconds between two looks. */
export const BLINK = 300
/** Phones on the page. */
const SHOWN = 40

/** @throws HttpError 404 where pushes go elsewhere. */
export function phonesOf(deps: HttpDeps): SimPhones {
  const phones = deps.world.config.push.simulator ? deps.push?.phones : undefined
  if (!phones) throw notFound()
  return phones
}

/** One phone as it is now. While its app is open nothing stands on it. */
export const PhoneNow = ({ deps, topic, token }: { deps: HttpDeps; topic: string; token: string }) => {
  const { world } = deps
  const phones = phonesOf(deps)
  const devices = world.store.push.devices.at({ kind: 'apns', topic, address: token })
  const accounts = devices.flatMap((device) => {
    const account = world.store.accounts.byId(device.accountId)
    return account ? [{ account, device }] : []
  })
  const isOpen = accounts.some(
    ({ account, device }) => connectionOf(sessionOf(world, account, device)) === 'active',
  )
  if (isOpen) phones.opened(topic, token)
  const name = accounts.map(({ account }) => account.jid).join(', ') || `…${token.slice(-6)}`
  return <Phone name={name} isOpen={isOpen} phone={phones.find(topic, token) ?? EMPTY} />
}

const EMPTY = { badge: 0, notifications: [] }

/** Those that rang, the last first; then those that have not yet. */
const PhonesNow = ({ deps }: { deps: HttpDeps }) => {
  const phones = phonesOf(deps).list()
  const devices = deps.world.store.push.devices.newest(SHOWN)
  const all = [...phones, ...devices.map(({ topic, address }) => ({ topic, token: address }))]
  const each = new Map(all.map(({ topic, token }) => [`${topic} ${token}`, { topic, token }]))
  if (each.size === 0)
    return <p class="dim">{tr('No device is registered yet. An app registers one, and so does “Try it”.')}</p>
  return (
    <>
      {[...each.values()].slice(0, SHOWN).map((phone) => (
        <PhoneNow deps={deps} {...phone} />
      ))}
    </>
  )
}

const SimulatorPage = ({ deps, admin }: { deps: HttpDeps; admin: string }) => (
  <Layout title={tr('Simulator')} admin={admin} here="simulator">
    <h1>
      {tr('Simulator')} <span class="live state">{tr('live')}</span>
    </h1>
    <p class="dim">
      <Rich
        text="Phones as this server’s pushes make them look. {try} with two chats side by side."
        parts={{ try: <a href="/admin/try">{tr('Try it')}</a> }}
      />
    </p>
    <div data-events="/admin/simulator/events">
      <div id={nameIn('phones')} class="phones">
        <PhonesNow deps={deps} />
      </div>
    </div>
  </Layout>
)

export function addSimulator(app: App, deps: HttpDeps, sessions: WebSessions, { get }: Pages): void {
  get('/admin/simulator', (c, admin) => {
    phonesOf(deps)
    return html(c, SimulatorPage({ deps, admin }))
  })
  const broadcast = new Broadcast({ clock: deps.clock, every: BLINK })
  const part = { name: 'phones', make: async () => String(await PhonesNow({ deps })) }
  addEvents(app, sessions, '/admin/simulator/events', (c, may) => {
    phonesOf(deps)
    return broadcast.answer(c, [part], may)
  })
}
