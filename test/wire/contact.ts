/** What plays of stock clients share: the person at the other end. */
import { type Wire, WireClient } from './support.ts'

/** Juliet's contact on a socket of its own: what Romeo sees of her, and whether he sees her go. */
export async function watches(own: Wire, jid = 'romeo@bix.org'): Promise<WireClient> {
  const romeo = await WireClient.direct(own.port('c2s-tls'))
  await romeo.logsIn(jid, 'orchard')
  romeo.send('<presence/>')
  await romeo.ping()
  return romeo
}

/** Romeo and Juliet see each other's presence. */
export async function befriend(own: Wire): Promise<void> {
  for (const [one, other] of [
    ['juliet', 'romeo'],
    ['romeo', 'juliet'],
    ['juliet', 'romeo'],
  ]) {
    const client = await WireClient.direct(own.port('c2s-tls'))
    await client.logsIn(`${one}@bix.org`, 'once')
    for (const type of ['subscribed', 'subscribe'])
      client.send(`<presence type='${type}' to='${other}@bix.org'/>`)
    await client.ping()
    client.close()
  }
}

export const says = (body: string, to = 'juliet@bix.org') =>
  `<message to='${to}' type='chat'><body>${body}</body></message>`
/** How often a body stands in what was heard. */
export const times = (client: WireClient, body: string) =>
  client.text.split(`<body>${body}</body>`).length - 1
