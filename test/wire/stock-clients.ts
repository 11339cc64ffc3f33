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
  /** How the client comes back by itself after its connection was lost: as the session that it was, or anew. */
  returns(): Promise<'resumed' | 'anew'>
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
    autoReconnect: true,
    maxReconnectBackoff: 0.05,
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
    returns: () =>
      new Promise((resolve) => {
        client.once('stream:management:resumed', () => resolve('resumed'))
        client.once('session:bound', () => resolve('anew'))
      }),
    async stops() {
      const gone = new Promise((resolve) => client.once('disconnected', resolve))
      client.disconnect()
      await gone
    },
  }
}

export const byXmppJs: Make = (username, resource, service) => {
  const entity = xmppClient({ service, domain: 'bix.org', username, password: PASSWORD, resource })
  entity.reconnect.delay = 50
  const heard: string[] = []
  const found: string[] = []
  // A network that is down and a server that says goodbye are no faults.
  entity.on('error', ({ message }: Error) => {
    if (!/^WebSocket|^system-shutdown/.test(message)) heard.push(`error: ${message}`)
  })
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
  const ask = async (type: string, payload: Xml): Promise<Xml> => {
    const answer = await entity.iqCaller.request(xml('iq', { type }, payload))
    // COMPAT(@xmpp/client, 0.14.0): it does not count answers to IQs (XEP-0198 §4), and would get old stanzas again.
    entity.streamManagement.inbound++
    return answer
  }
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
    returns: () =>
      new Promise((resolve) => {
        entity.streamManagement.once('resumed', () => resolve('resumed'))
        entity.once('online', () => resolve('anew'))
      }),
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
  let connection = new Strophe.Connection(url)
  const heard: string[] = []
  const found: string[] = []
  const seen = new Set<string>()
  const textOf = (el: Dom, tag: string): string | undefined =>
    el.getElementsByTagName(tag)[0]?.textContent ?? undefined
  const listen = (el: Dom): boolean => {
    const body = textOf(el, 'body')
    // Without stream management what a client has not shown to have got comes again, under the same id.
    const id = el.getElementsByTagName('stanza-id')[0]?.getAttribute('id')
    if (id && el.getElementsByTagName('result').length === 0) {
      if (seen.has(id)) return true
      seen.add(id)
    }
    if (el.getElementsByTagName('result').length > 0) found.push(body ?? '')
    else if (el.getElementsByTagName('sent').length > 0) heard.push(`carbon: ${body}`)
    else if (body !== undefined) heard.push(body)
    return true
  }
  const ask = (iq: ReturnType<typeof $iq>): Promise<Dom> =>
    new Promise((resolve, reject) =>
      connection.sendIQ(iq, resolve, (el: Dom | null) => reject(new Error(el?.textContent ?? 'timeout'))),
    )
  let stopping = false
  let connected: () => void = () => {}
  const connect = (): void => {
    const mine = (connection = new Strophe.Connection(url))
    mine.connect(`${name}@bix.org/${resource}`, PASSWORD, (status: number) => {
      if (connection !== mine || stopping) return
      if (status === Strophe.Status.CONNECTED) greet()
      // strophe.js knows neither XEP-0198 nor how to come back: that is up to the app.
      else if (status === Strophe.Status.DISCONNECTED) setTimeout(() => connection === mine && connect(), 50)
    })
  }
  const greet = (): void => {
    connection.addHandler(listen, '', 'message', '')
    void ask($iq({ type: 'set' }).c('enable', { xmlns: CARBONS })).then(() => {
      connection.send($pres())
      connected()
    })
  }
  return {
    heard,
    starts: () =>
      new Promise((resolve) => {
        connected = resolve
        connect()
      }),
    returns: () => new Promise((resolve) => (connected = () => resolve('anew'))),
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
    async stops() {
      stopping = true
      connection.disconnect('bye')
    },
  }
}
