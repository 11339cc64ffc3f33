/** A client in a random story: what it has heard, what it has shown to have, and how it comes back. */
import { child, type Element } from '../../src/xmpp/xml.ts'
import type { Actor } from './actor.ts'
import { settle } from './phones.ts'
import { SM } from './sm.ts'
import { JULIET } from './story-words.ts'
import type { Play } from './world.ts'

const STANZAS = new Set(['message', 'presence', 'iq'])
const PING = `<iq type='get' id='sign'><ping xmlns='urn:xmpp:ping'/></iq>`
/** It is said right behind `enable`: with it the count begins. */
const ENABLED = 'enabled'

export type Manages = 'no' | 'acks' | 'resumes'

export const bodyOf = (el: Element): string | undefined =>
  el.attrs.type === 'error' ? undefined : child(el, 'body')?.getText()

export class StoryClient {
  actor: Actor | undefined
  manages: Manages = 'no'
  available = false
  inactive = false
  /** It shows at once what it has, or nothing: its person is in a tunnel. */
  answers = true
  /** When its session began, in messages of the story. */
  since = 0
  /** Each stanza that counts, of this session; the client has shown to have the first `shown`. */
  got: Element[] = []
  /** How long it may stay away, ms; of a session that can be resumed. */
  max = 0
  #shown = 0
  #id = ''
  #resumable = false
  /** Pings of the server that are not answered. */
  #pings: string[] = []

  constructor(
    readonly resource: string,
    /** It has shown that it has this one. */
    readonly has: (el: Element) => void,
    readonly bare = JULIET,
  ) {}

  get resumable(): boolean {
    return this.#resumable
  }

  async comes(p: Play, manages: Manages, since: number): Promise<void> {
    if (this.actor) return
    this.#forget()
    this.actor = await p.bound(`${this.bare}/${this.resource}`)
    this.manages = manages
    this.since = since
    this.answers = true
    if (manages === 'no') return
    this.actor.forget()
    this.actor.sends(`<enable xmlns='${SM}'${manages === 'resumes' ? ` resume='true'` : ''}/>`)
    await settle(p)
    const said = this.actor.heard.findIndex(({ name }) => name === ENABLED)
    const { id = '', max = '0' } = this.actor.heard[said]?.attrs ?? {}
    this.#id = id
    this.max = Number(max) * 1000
    this.#resumable = manages === 'resumes'
    this.actor.heard.splice(0, said + 1)
  }

  /** Comes back to its session where there is one; `lost` of what it was sent last never arrived. */
  async resumes(p: Play, lost: number): Promise<boolean> {
    if (this.actor || !this.#resumable) return false
    const actor = await p.returns(this.bare)
    this.got.length = Math.max(this.#shown, this.got.length - lost)
    actor.forget()
    actor.sends(`<resume xmlns='${SM}' previd='${this.#id}' h='${this.got.length}'/>`)
    await settle(p)
    const said = actor.heard.findIndex(({ name }) => name === 'resumed')
    if (said < 0) {
      this.#resumable = false
      actor.transport.destroy()
      await settle(p)
      return false
    }
    actor.heard.splice(0, said + 1)
    this.actor = actor
    this.#shows(this.got.length)
    return true
  }

  /** The network is gone, or it says goodbye. */
  leaves(politely: boolean): void {
    const { actor } = this
    if (!actor) return
    this.hears()
    if (politely) {
      // Who does not acknowledge says by it that it has everything.
      if (this.manages === 'no') this.#shows(this.got.length)
      actor.sends('</stream:stream>')
      this.#resumable = false
    } else actor.transport.destroy()
    if (!this.#resumable) this.got.length = this.#shown
    this.actor = undefined
    this.available = this.available && this.#resumable
  }

  /** The server is gone, and knows of sessions only what it wrote down. */
  isCutOff(orderly: boolean): void {
    this.actor = undefined
    if (!orderly) this.#resumable = false
    this.available = this.available && this.#resumable
  }

  appears(): void {
    if (!this.actor) return
    this.actor.sends('<presence/>')
    this.available = true
    this.said()
  }

  says(xml: string): void {
    this.actor?.sends(xml)
    this.said()
  }

  /** CSI (XEP-0352). */
  turns(inactive: boolean): void {
    if (!this.actor) return
    this.inactive = inactive
    this.actor.sends(`<${inactive ? 'inactive' : 'active'} xmlns='urn:xmpp:csi:0'/>`)
  }

  /** Into a tunnel, or out of it: then it says something. */
  toggles(): void {
    if (!this.actor) return
    this.answers = !this.answers
    if (!this.answers) return
    if (this.manages === 'no') this.says(PING)
    else this.#acks()
  }

  /** An ack of a part of what it has, out of the tunnel. */
  acksSome(n: number): void {
    if (!this.actor || this.manages === 'no') return
    this.hears()
    this.#shows(Math.min(this.got.length, this.#shown + n))
    this.actor.sends(`<a xmlns='${SM}' h='${this.#shown}'/>`)
  }

  /** Any stanza shows that a client without stream management has read what was written before. */
  said(): void {
    if (this.manages !== 'no') return
    this.hears()
    this.#shows(this.got.length)
  }

  /** What has come since; returns whether anything is said to it. */
  reacts(): boolean {
    const { actor } = this
    if (!actor) return false
    this.hears()
    if (actor.transport.closed || actor.ended) {
      this.actor = undefined
      this.available = this.available && this.#resumable
      return true
    }
    if (!this.answers) return false
    if (this.manages !== 'no') return this.got.length > this.#shown && (this.#acks(), true)
    const pinged = this.#pings.splice(0)
    for (const id of pinged) this.says(`<iq type='result' id='${id}'/>`)
    return pinged.length > 0
  }

  /** Takes what was heard. */
  hears(): void {
    const { actor } = this
    if (!actor) return
    for (const el of actor.heard) {
      if (!STANZAS.has(el.name)) continue
      this.got.push(el)
      if (el.attrs.type === 'get' && child(el, 'ping', 'urn:xmpp:ping')) this.#pings.push(el.attrs.id ?? '')
    }
    actor.forget()
  }

  /** What came and was not shown. */
  get unshown(): Element[] {
    return this.got.slice(this.#shown)
  }

  #acks(): void {
    this.#shows(this.got.length)
    this.actor?.sends(`<a xmlns='${SM}' h='${this.#shown}'/>`)
  }

  #shows(upTo: number): void {
    for (const el of this.got.slice(this.#shown, upTo)) this.has(el)
    this.#shown = upTo
  }

  #forget(): void {
    this.got = []
    this.#shown = 0
    this.#pings = []
    this.#id = ''
    this.#resumable = false
    this.max = 0
    this.available = false
    this.inactive = false
  }
}
