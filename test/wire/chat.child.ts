/**
 * Two people with the stock client @xmpp/client, one by STARTTLS and one by direct TLS, in a process of their own:
 * they trust any certificate, and only a whole process can be told so. Prints what they read, a JSON line each.
 */
import { type Client, client, type Xml, xml } from '@xmpp/client'

const [starttls = '', direct = '', password = ''] = process.argv.slice(2)
const person = (username: string, service: string): Client => {
  const entity = client({ service, domain: 'bix.org', username, password, resource: 'stock' })
  entity.on('error', (error: Error) => {
    process.stderr.write(`${username}: ${error.message}\n`)
    process.exit(1)
  })
  return entity
}
const romeo = () => person('romeo', `xmpp://127.0.0.1:${starttls}`)
const juliet = () => person('juliet', `xmpps://127.0.0.1:${direct}`)
const say = (text: string): Xml =>
  xml('message', { to: 'juliet@bix.org', type: 'chat', id: text }, xml('body', {}, text))

/** Settles with the next message. */
const hears = (who: Client): Promise<Xml> =>
  new Promise((resolve) => {
    const look = (el: Xml): void => {
      if (!el.is('message')) return
      who.off('stanza', look)
      resolve(el)
    }
    who.on('stanza', look)
  })

const print = (el: Xml, delay = el.getChild('delay', 'urn:xmpp:delay')): void => {
  const stamp = delay?.attrs.stamp ?? null
  process.stdout.write(`${JSON.stringify({ from: el.attrs.from, body: el.getChildText('body'), stamp })}\n`)
}

let fences = 0
/** Settles when the server has dealt with everything that was sent before: by the answer to a ping behind it. */
const settles = async (who: Client): Promise<void> => {
  const id = `fence-${++fences}`
  const answered = new Promise<void>((resolve) => {
    who.on('stanza', (el: Xml) => (el.attrs.id === id ? resolve() : undefined))
  })
  await who.send(xml('iq', { type: 'get', id }, xml('ping', { xmlns: 'urn:xmpp:ping' })))
  await answered
}

const [r, j] = [romeo(), juliet()]
await Promise.all([r.start(), j.start()])
for (const who of [r, j]) {
  await who.send(xml('presence'))
  await settles(who)
}
const live = hears(j)
await r.send(say('But soft'))
print(await live)

await j.stop()
await r.send(say('what light through yonder window breaks'))
await settles(r)

// A client that binds by XEP-0386 reads what it missed in the archive.
const back = juliet()
await back.start()
const missed = hears(back)
const newest = xml('set', { xmlns: 'http://jabber.org/protocol/rsm' }, xml('max', {}, '1'), xml('before'))
await back.send(xml('iq', { type: 'set', id: 'mam' }, xml('query', { xmlns: 'urn:xmpp:mam:2' }, newest)))
const forwarded = (await missed)
  .getChild('result', 'urn:xmpp:mam:2')
  ?.getChild('forwarded', 'urn:xmpp:forward:0')
const inside = forwarded?.getChild('message', 'jabber:client')
if (inside) print(inside, forwarded?.getChild('delay', 'urn:xmpp:delay'))
await Promise.all([r.stop(), back.stop()])
