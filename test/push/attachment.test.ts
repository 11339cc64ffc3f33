/** What a message says of a file, and how a phone rings for it. */
import { describe, expect, test } from 'bun:test'
import { type AppStyle, composePayload } from '../../src/push/apns/payload.ts'
import { fileOf } from '../../src/push/rules/attachment.ts'
import { classify } from '../../src/push/rules/classify.ts'
import { shownText } from '../../src/push/rules/shown.ts'
import type { Job } from '../../src/store/push.ts'
import { files } from '../support/uploads.ts'
import { parse } from '../support/xml.ts'

const OURS = 'https://chat.bix.org/upload/0f/report%20x.pdf'
const own = (url: string) => (url === OURS ? { name: 'report x.pdf', type: 'application/pdf' } : undefined)
const U = 'https://files.example/a/b.jpg'
const oob = (url: string): string => `<x xmlns='jabber:x:oob'><url>${url}</url></x>`
const body = (text: string): string => `<body>${text}</body>`
const meta = (type: string, name = ''): string =>
  `<file xmlns='urn:xmpp:file:metadata:0'><media-type>${type}</media-type>${name === '' ? '' : `<name>${name}</name>`}</file>`
const source = (url: string): string =>
  `<url-data xmlns='http://jabber.org/protocol/url-data' target='${url}'/>`
const sfs = (file: string, sources: string): string =>
  `<file-sharing xmlns='urn:xmpp:sfs:0'>${file}<sources>${sources}</sources></file-sharing>`
const sims = (type: string, url: string): string =>
  `<reference xmlns='urn:xmpp:reference:0' type='data'><media-sharing xmlns='urn:xmpp:sims:1'>` +
  `<file xmlns='urn:xmpp:jingle:apps:file-transfer:5'><media-type>${type}</media-type></file>` +
  `<sources><reference xmlns='urn:xmpp:reference:0' type='data' uri='${url}'/></sources></media-sharing></reference>`
const esfs = sfs(
  meta('image/png', 'secret.png'),
  `<encrypted xmlns='urn:xmpp:esfs:0' cipher='x'><key>THEKEY</key><sources>${source(U)}</sources></encrypted>`,
)
const fileIn = (inner: string) => {
  const el = parse(`<message xmlns='jabber:client'>${inner}</message>`)
  return fileOf(el, shownText(el), own)
}

describe('a message is a file', () => {
  test.each([
    [
      'a link that is the text',
      body(U) + oob(U),
      { kind: 'photo', name: 'b.jpg', type: 'image/jpeg', url: U },
    ],
    [
      'the same with white space',
      body(` ${U}\n`) + oob(U),
      { kind: 'photo', name: 'b.jpg', type: 'image/jpeg', url: U },
    ],
    [
      'one of our own addresses',
      body(OURS),
      { kind: 'file', name: 'report x.pdf', type: 'application/pdf', url: OURS },
    ],
    [
      'sources',
      sfs(meta('video/mp4', 'clip.mp4'), source(U)),
      { kind: 'video', name: 'clip.mp4', type: 'video/mp4', url: U },
    ],
    [
      'sources with the link as text',
      body(U) + sfs(meta('audio/ogg'), source(U)),
      { kind: 'voice', name: 'b.jpg', type: 'audio/ogg', url: U },
    ],
    [
      'a reference',
      body(U) + sims('image/webp', U),
      { kind: 'photo', name: 'b.jpg', type: 'image/webp', url: U },
    ],
    [
      'a link in the clear',
      body('http://x.example/a.png') + oob('http://x.example/a.png'),
      { kind: 'photo', name: 'a.png', type: 'image/png' },
    ],
    [
      'no name at all',
      body('https://x.example/') + oob('https://x.example/'),
      { kind: 'file', url: 'https://x.example/' },
    ],
    ['a key in the link', body('aesgcm://x.example/a.png#0123456789abcdef'), { kind: 'encrypted' }],
    ['a key in the text', body('see AESGCM://x.example/a.png#00') + oob(U), { kind: 'encrypted' }],
    ['encrypted sources', body(U) + esfs, { kind: 'encrypted' }],
  ] as const)('%s', (_name, inner, facts) => {
    const found = fileIn(inner)
    expect(found).toEqual(facts)
    expect(JSON.stringify(found)).not.toMatch(/THEKEY|aesgcm|#0/)
  })

  test.each([
    ['a text', body('hello')],
    ['a link that is nobody’s file', body(U)],
    ['a link with words', body(`look: ${U}`) + oob(U)],
    ['sources with words', body('look at this') + sfs(meta('image/png'), source(U))],
    ['our address with words', body(`see ${OURS}`)],
    ['nothing', ''],
    [
      'OMEMO',
      body(U) + oob(U) + `<encrypted xmlns='eu.siacs.conversations.axolotl'><payload>x</payload></encrypted>`,
    ],
  ])('not %s', (_name, inner) => {
    expect(fileIn(inner)).toBeUndefined()
  })

  test('and rings without a text, too', () => {
    const el = parse(`<message xmlns='jabber:client'>${sfs(meta('image/png'), source(U))}</message>`)
    expect(classify(el)).toEqual({ kind: 'ring', rule: 'file' })
  })
})

const TOKEN = 'ab'.repeat(32)
const app = (more: string): string =>
  `[[push.apps]]\ntopic = "org.bix.chat"\nteam_id = "ABCDE12345"\nkey_id = "ABC123DEFG"\nkey_file = "AuthKey.p8"\n${more}\n`

/** The payload that Juliet's sleeping phone gets for a message, from the very row that waits for Apple. */
async function rings(settings: string, inner: string | ((get: string) => string)) {
  await using f = await files(app(settings))
  const juliet = await f.p.online('juliet@bix.org/phone')
  const form = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field><field var='token'><value>${TOKEN}</value></field></x>`
  await juliet.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='n'>${form}</enable>`)
  juliet.sends('</stream:stream>')
  await juliet.settles().catch(() => undefined)
  const get =
    typeof inner === 'string' ? '' : await f.stored('hello', { name: 'holiday.png', type: 'image/png' })
  const romeo = await f.p.online('romeo@bix.org/orchard')
  romeo.sends(
    `<message to='juliet@bix.org' type='chat'>${typeof inner === 'string' ? inner : inner(get)}</message>`,
  )
  await romeo.settles()
  const jobs = f.p.pushed.filter(({ device }) => device !== undefined)
  const [job] = jobs
  if (!job) throw new Error('nothing rang')
  const kept: Job[] = f.p.reloaded().push.waiting(0, 10)
  expect(kept.find(({ id }) => id === job.id)?.file ?? null).toEqual(job.file ?? null)
  const style: AppStyle = f.p.config.push.apps[0]!
  return { job, get, payload: composePayload(job, { style, options: {}, bytes: (n) => Buffer.alloc(n) }) }
}

describe('a phone rings', () => {
  test('with what it is, and its address where the app asks for it', async () => {
    const { payload, get } = await rings('body = "full"\nattachments = true', (url) => body(url))
    expect(payload.aps).toMatchObject({ alert: { body: 'Photo' }, 'mutable-content': 1 })
    expect(payload.attachment).toEqual({ url: get, type: 'image/png' })
    const pdf = await rings(
      'body = "full"\nattachments = true',
      sfs(meta('application/pdf', 'report.pdf'), source(U)),
    )
    expect(pdf.payload.aps).toMatchObject({ alert: { body: 'File report.pdf' } })
    expect(pdf.payload.attachment).toEqual({ url: U, type: 'application/pdf' })
  })

  test('without the address where the app does not, nor is it written down', async () => {
    const { payload, job } = await rings('body = "full"', body(U) + oob(U))
    expect(payload.aps).toMatchObject({ alert: { body: 'Photo' } })
    expect(payload.attachment).toBeUndefined()
    expect(JSON.stringify(job)).not.toContain('files.example')
  })

  test.each(['sender', 'none', 'encrypted'])('with nothing of it where body = "%s"', async (policy) => {
    const { payload, job } = await rings(`body = "${policy}"\nattachments = true`, body(U) + oob(U))
    expect(payload.aps.alert).toMatchObject({ body: 'New message' })
    expect(JSON.stringify([payload, job])).not.toMatch(/files\.example|jpeg|Photo/)
  })

  test.each([
    ['a link with a key', body('aesgcm://x.example/a.png#0123456789abcdef')],
    ['encrypted sources', esfs],
  ])(
    'for %s with "sent a file" alone: no address and no key, not even in the queue',
    async (_name, inner) => {
      const { payload, job } = await rings('body = "full"\nattachments = true', inner)
      expect(payload.aps.alert).toMatchObject({ body: 'sent a file' })
      expect(JSON.stringify([payload, job])).not.toMatch(/aesgcm|#0123|THEKEY|files\.example|secret\.png/)
    },
  )

  test('in the app’s own language', async () => {
    const { payload } = await rings(
      'body = "full"\nlocalized = true',
      sfs(meta('text/csv', 'a.csv'), source(U)),
    )
    expect(payload.aps.alert).toMatchObject({
      'loc-key': 'BELFRY_FILE_NAMED',
      'loc-args': ['a.csv', 'romeo'],
    })
    const voice = await rings('body = "full"\nlocalized = true', sfs(meta('audio/ogg'), source(U)))
    expect(voice.payload.aps.alert).toMatchObject({ 'loc-key': 'BELFRY_VOICE' })
  })
})
