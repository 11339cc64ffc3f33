/** The address of the sender's picture in a push: one that its owner has published for everybody, and that lies here. */
import { expect, test } from 'bun:test'
import { files } from '../support/uploads.ts'

const APP =
  '[[push.apps]]\ntopic = "org.bix.chat"\nteam_id = "ABCDE12345"\nkey_id = "ABC123DEFG"\nkey_file = "AuthKey.p8"\nbody = "full"'
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const HASH = new Bun.CryptoHasher('sha1').update(Buffer.from(PNG, 'base64')).digest('hex')
const publish = (node: string, id: string, payload: string, access: string) =>
  `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:avatar:${node}'><item id='${id}'>${payload}</item></publish>` +
  `<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>` +
  `<field var='pubsub#access_model'><value>${access}</value></field></x></publish-options></pubsub>`
const metadata = (url: string) =>
  `<metadata xmlns='urn:xmpp:avatar:metadata'><info id='${HASH}' bytes='70' type='image/png'/>` +
  `<info id='${HASH}' bytes='70' type='image/png' url='${url}'/></metadata>`

test('is told where it lies on this server, and nobody else’s: that server would see when and where pushes are read', async () => {
  await using f = await files(APP)
  const juliet = await f.p.online('juliet@bix.org/phone')
  await juliet.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${'1'.repeat(64)}'/>`)
  juliet.sends('</stream:stream>')
  await juliet.settles().catch(() => undefined)
  const here = await f.stored('hello', { name: 'me.png', type: 'image/png' })
  const romeo = await f.p.online('romeo@bix.org/orchard')
  const told = async (url: string, access = 'open') => {
    const data = `<data xmlns='urn:xmpp:avatar:data'>${PNG}</data>`
    for (const [node, payload] of [
      ['data', data],
      ['metadata', metadata(url)],
    ] as const)
      await romeo.asks('set', publish(node, HASH, payload, access))
    const before = f.p.pushed.length
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>hist</body></message>`)
    await romeo.settles()
    const job = f.p.pushed.slice(before).find(({ device }) => device !== undefined)
    return job?.about
  }
  expect(await told(here)).toEqual({ avatar: HASH, avatarUrl: here })
  expect(await told('https://tracker.example/me.png')).toEqual({ avatar: HASH })
  expect(await told(here.replace(/[0-9a-f]{8}\//, '00000000/'))).toEqual({ avatar: HASH })
  expect(await told(here)).toEqual({ avatar: HASH, avatarUrl: here })
})
