/** Clients of other people behind one face, so that all of them do the same over WebSocket. */
import { client as xmppClient, type Xml, xml } from '@xmpp/client'
import { createClient } from 'stanza'
import { $iq, $msg, $pres, Strophe } from 'strophe.js'
import { PASSWORD } from './support.ts'

export interface Person {
  /** Logs in, turns carbons on, says that it is there. */
  starts(): Promise<void>
  adds(contact: string): Promise<void>
  /** Addresses in the roster. */
  roster(): Promise<string[]>
  says(to: string, body: string): void
  /** Bodies of chats that came, carbons as "carbon: …". */
  readonly heard: string[]
  /** Bodies of the archive, oldest first. */
  history(): Promise<string[]>
  stops(): Promise<void>
}

type Make = (name: string, resource: string, url: string) => Person

const ROSTER = 'jabber:iq:roster'
const CARBONS = 'urn:xmpp:carbons:2'
const MAM = 'urn:xmpp:mam:2'

export const byStanza: Make = (name, resource, url) => {
  const client = createClient({
    jid: `${name}@bix.org`,
    resource,
    password: PASSWORD,
    transports: { websocket: url, bosh: false },
    autoReconnect: false,
    allowResumption: false,
  })
  const heard: string[] = []
  client.on('chat', ({ body = '' }) => void heard.push(body))
  client.on('carbon:sent', ({ carbon }) => void heard.push(`carbon: ${carbon.forward.message?.body}`))
  return {
    heard,
    async starts() {
      const started = new Promise((resolve) => client.once('session:started', resolve))
      client.connect()
      await started
      await client.enableCarbons()
      await client.getRoster()
      client.sendPresence()
    },
    adds: async (jid) => void (await client.updateRosterItem({ jid, subscription: 'none' })),
    roster: async () => ((await client.getRoster()).items ?? []).map(({ jid }) => jid),
    says: (to, body) => void client.sendMessage({ to, body, type: 'chat' }),
    history: async () =>
      ((await client.searchHistory({ paging: { max: 50 } })).results ?? []).map(
        ({ item }) => item.message?.body ?? '',
      ),
    async stops() {
      const gone = new Promise((resolve) => client.once('disconnected', resolve))
      client.disconnect()
      await gone
    },
  }
}

export const byXmppJs: Make = (username, resource, service) => {
  const entity = xmppClient({ service, domain: 'bix.org', username, password: PASSWORD, resource })
  const heard: string[] = []
  const found: string[] = []
  entity.on('error', (error: Error) => void heard.push(`error: ${error.message}`))
  const forwarded = (el: Xml | undefined): string =>
    el?.getChild('forwarded', 'urn:xmpp:forward:0')?.getChild('message')?.getChildText('body') ?? ''
  entity.on('stanza', (el: Xml) => {
    if (!el.is('message')) return
    const result = el.getChild('result', MAM)
    const sent = el.getChild('sent', CARBONS)
    if (result) found.push(forwarded(result))
    else if (sent) heard.push(`carbon: ${forwarded(sent)}`)
    else if (el.getChildText('body') !== null) heard.push(el.getChildText('body') ?? '')
  })
  const ask = (type: string, payload: Xml) => entity.iqCaller.request(xml('iq', { type }, payload))
  return {
    heard,
    async starts() {
      await entity.start()
      await ask('set', xml('enable', { xmlns: CARBONS }))
      await entity.send(xml('presence'))
    },
    adds: async (jid) => void (await ask('set', xml('query', { xmlns: ROSTER }, xml('item', { jid })))),
    async roster() {
      const answer = await ask('get', xml('query', { xmlns: ROSTER }))
      return (
        answer
          .getChild('query', ROSTER)
          ?.getChildren('item')
          .map((el) => el.attrs.jid ?? '') ?? []
      )
    },
    says: (to, body) => void entity.send(xml('message', { to, type: 'chat' }, xml('body', {}, body))),
    async history() {
      found.length = 0
      await ask('set', xml('query', { xmlns: MAM }))
      return [...found]
    },
    stops: async () => void (await entity.stop()),
  }
}

/** What strophe.js hands out, as far as it is used; this project is compiled without the types of the DOM. */
interface Dom {
  readonly textContent: string | null
  getElementsByTagName(name: string): ArrayLike<Dom>
  getAttribute(name: string): string | null
}

Strophe.setLogLevel(Strophe.LogLevel.FATAL)

export const byStrophe: Make = (name, resource, url) => {
  const connection = new Strophe.Connection(url)
  const heard: string[] = []
  const found: string[] = []
  const textOf = (el: Dom, tag: string): string | undefined =>
    el.getElementsByTagName(tag)[0]?.textContent ?? undefined
  const listen = (el: Dom): boolean => {
    const body = textOf(el, 'body')
    if (el.getElementsByTagName('result').length > 0) found.push(body ?? '')
    else if (el.getElementsByTagName('sent').length > 0) heard.push(`carbon: ${body}`)
    else if (body !== undefined) heard.push(body)
    return true
  }
  const ask = (iq: ReturnType<typeof $iq>): Promise<Dom> =>
    new Promise((resolve, reject) =>
      connection.sendIQ(iq, resolve, (el: Dom | null) => reject(new Error(el?.textContent ?? 'timeout'))),
    )
  const until = (wanted: number): Promise<void> =>
    new Promise((resolve, reject) => {
      connection.connect(`${name}@bix.org/${resource}`, PASSWORD, (status: number, reason: string | null) => {
        if (status === wanted) resolve()
        else if (status === Strophe.Status.AUTHFAIL || status === Strophe.Status.CONNFAIL)
          reject(new Error(`status ${status}: ${reason}`))
      })
    })
  return {
    heard,
    async starts() {
      await until(Strophe.Status.CONNECTED)
      connection.addHandler(listen, '', 'message', '')
      await ask($iq({ type: 'set' }).c('enable', { xmlns: CARBONS }))
      connection.send($pres())
    },
    adds: async (jid) =>
      void (await ask($iq({ type: 'set' }).c('query', { xmlns: ROSTER }).c('item', { jid }))),
    async roster() {
      const answer = await ask($iq({ type: 'get' }).c('query', { xmlns: ROSTER }))
      return Array.from(answer.getElementsByTagName('item'), (el) => el.getAttribute('jid') ?? '')
    },
    says: (to, body) => connection.send($msg({ to, type: 'chat' }).c('body').t(body)),
    async history() {
      found.length = 0
      await ask($iq({ type: 'set' }).c('query', { xmlns: MAM }))
      return [...found]
    },
    stops: async () => connection.disconnect('bye'),
  }
}
