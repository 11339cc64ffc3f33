/** Juliet's phones and who writes to them, for plays about what rings. */
import { type Play } from './world.ts'
import type { Actor } from './actor.ts'
import { doorOf } from './door.ts'

export const PUSH =
  '[push]\nburst = 3\n[[push.apps]]\ntopic = "org.bix.chat"\n' +
  'team_id = "ABCDE12345"\nkey_id = "ABC123DEFG"\nkey_file = "AuthKey.p8"'
/** The same with the texts in the pushes. */
export const FULL = `${PUSH}\nbody = "full"`
export const RATES = `${PUSH}\n[limits]\nstanzas_per_second = 0\nbytes_per_second = 0`
export const chat = (body: string, id = body) =>
  `<message to='juliet@bix.org' type='chat' id='${id}'><body>${body}</body></message>`

export const settle = async (p: Play) => {
  for (let i = 0; i < 3; i++) await p.router.run(() => {})
}

/** Turns that may fail, which is told to whoever waits for them. */
export async function quietly(p: Play): Promise<void> {
  for (let i = 0; i < 3; i++) await p.router.run(() => {}).catch(() => {})
}

/** Time goes by, and what it brings about is done. */
export async function passes(p: Play, ms: number): Promise<void> {
  p.clock.advance(ms)
  await settle(p)
}

export interface Cast {
  readonly romeo: Actor
  readonly app: Actor
}

/** Juliet's phone is registered and gone; romeo writes. */
export async function cast(p: Play, devices = ['phone']): Promise<Cast> {
  const romeo = await p.online('romeo@bix.org/orchard')
  let app: Actor | undefined
  for (const [i, resource] of devices.entries()) {
    app = await p.online(`juliet@bix.org/${resource}`)
    await app.asks('set', enableOf(i + 1))
    app.sends('</stream:stream>')
  }
  if (!app) throw new Error('no phone')
  await settle(p)
  return { romeo, app }
}

/** Kinds of pushes that the outbox has handed over, for plays of a server that fails. */
export const kinds = (p: Play) => p.pushed.map(({ kind }) => kind)

/** Juliet's desk is open, answers by itself and can mark. */
export async function atDesk(p: Play): Promise<Actor> {
  const desk = await p.online('juliet@bix.org/desk')
  await desk.settles()
  desk.forget()
  return desk
}

/** Juliet's phone is registered and gone, her desk is open; romeo writes. */
export async function deskInUse(p: Play, devices?: string[]): Promise<{ romeo: Actor; desk: Actor }> {
  const { romeo } = await cast(p, devices)
  return { romeo, desk: await atDesk(p) }
}

/** The same, and from now on the desk shows only by acks what it has got. */
export async function silentDesk(p: Play, devices?: string[]): Promise<{ romeo: Actor; desk: Actor }> {
  const { romeo, desk } = await deskInUse(p, devices)
  await manages(desk)
  return { romeo, desk }
}

/** Juliet's phone has come back, and shows only by acks what it has got; `id` is for coming back again. */
export async function silentPhone(p: Play): Promise<{ romeo: Actor; app: Actor; id: string }> {
  const { romeo } = await cast(p)
  const app = await p.online('juliet@bix.org/phone')
  return { romeo, app, id: await manages(app) }
}

/** Registers a phone of juliet's, and leaves. */
export async function registers(p: Play, resource = 'phone', n = 1): Promise<void> {
  const app = await p.online(`juliet@bix.org/${resource}`)
  await app.asks('set', enableOf(n))
  await leaves(p, app)
}

/** The nth device's registration. */
export const enableOf = (n: number) =>
  `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${String(n).repeat(64)}'/>`

/** Juliet's app registers over the API, with PushKit's token. */
export async function registersForCalls(p: Play, token: string, voip: string): Promise<void> {
  const device = { token, voip_token: voip, topic: 'org.bix.chat', resource: 'phone' }
  const { status } = await doorOf(p)('POST', '/v1/me/devices', device, 'juliet@bix.org')
  if (status !== 200) throw new Error(`the device was refused: ${status}`)
}

export const leaves = async (p: Play, actor: Actor): Promise<void> => {
  actor.sends('</stream:stream>')
  await settle(p)
}

export async function says(romeo: Actor, xml: string, desk?: Actor): Promise<void> {
  romeo.sends(xml)
  await romeo.settles()
  await desk?.settles()
}

/** Apple has taken everything that was handed over. */
export async function areSent(p: Play): Promise<void> {
  await p.router.run((t) => {
    for (const job of t.store.push.waiting(0, 100)) t.store.push.done(job, 'sent', job.kind, undefined, t.now)
  })
}

export const count = (p: Play) => {
  const account = p.store.accounts.find('juliet@bix.org')
  return account && p.store.unread.count(account.id)
}

/** Turns stream management on; h counts from here. */
export async function manages(actor: Actor): Promise<string> {
  actor.sends(`<enable xmlns='urn:xmpp:sm:3' resume='true'/>`)
  const { id = '' } = (await actor.next()).attrs
  await actor.settles()
  actor.forget()
  return id
}

export const acks = async (actor: Actor, h: number) => {
  actor.sends(`<a xmlns='urn:xmpp:sm:3' h='${h}'/>`)
  await actor.settles()
}
