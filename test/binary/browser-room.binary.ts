/** Converse.js in a real browser, in a room: joins, talks, uploads, and is moderated by somebody else. */
import { expect } from 'bun:test'
import type { Page } from 'playwright-core'
import { child, childText, type Element } from '../../src/xmpp/xml.ts'
import { CHROMIUM, launch, openPage, servePage } from '../support/browser.ts'
import { testWith } from '../support/programs.ts'
import { PASSWORD, wire, WireClient } from '../wire/support.ts'

const PATIENCE_MS = 60_000
const ROOM = 'coven@conference.bix.org'
const MUC = 'http://jabber.org/protocol/muc'
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

const PAGE = (socket: string) => `<!doctype html><html><head><meta charset="utf-8">
<link rel="stylesheet" href="/converse.js/dist/converse.min.css"><link rel="icon" href="data:,"></head>
<body class="converse-fullscreen"><script type="module">
import '/converse.js/dist/converse.min.js'
converse.initialize({
  websocket_url: ${JSON.stringify(socket)}, jid: 'romeo@bix.org', password: ${JSON.stringify(PASSWORD)}, auto_login: true,
  view_mode: 'fullscreen', discover_connection_methods: false, assets_path: '/converse.js/dist/', i18n: 'en',
  auto_join_rooms: [{ jid: '${ROOM}', nick: 'Romeo' }], allow_registration: false, play_sounds: false, loglevel: 'error',
  blacklisted_plugins: ['converse-omemo'], persistent_store: 'sessionStorage', notification_icon: '',
})
</script></body></html>`

const isBody = (body: string) => (el: Element) => el.name === 'message' && childText(el, 'body') === body
const stanzaId = (el: Element): string => child(el, 'stanza-id', 'urn:xmpp:sid:0')?.attrs.id ?? ''

/** Juliet has made the room, and is its moderator. */
async function moderator(port: number): Promise<WireClient> {
  const juliet = await WireClient.direct(port)
  await juliet.logsIn('juliet@bix.org')
  juliet.send(`<presence to='${ROOM}/Juliet'><x xmlns='${MUC}'/></presence>`)
  await juliet.until((el) => el.name === 'message' && child(el, 'subject') !== undefined)
  await configures(juliet, '')
  return juliet
}

let asked = 0
async function asks(client: WireClient, payload: string): Promise<void> {
  const id = `asks${++asked}`
  client.send(`<iq type='set' id='${id}' to='${ROOM}'>${payload}</iq>`)
  const answer = await client.until((el) => el.attrs.id === id)
  expect(answer.attrs.type).toBe('result')
}

const configures = (client: WireClient, fields: string): Promise<void> =>
  asks(client, `<query xmlns='${MUC}#owner'><x xmlns='jabber:x:data' type='submit'>${fields}</x></query>`)

const role = (client: WireClient, name: string): Promise<void> =>
  asks(client, `<query xmlns='${MUC}#admin'><item nick='Romeo' role='${name}'/></query>`)

const shows = (tab: Page, text: string, selector = '.chat-msg__text') =>
  tab
    .locator(selector, { hasText: text })
    .first()
    .waitFor({ timeout: PATIENCE_MS / 4 })

testWith([CHROMIUM])(
  'converse.js in a room: joins, talks, uploads; its message is taken back, it is muted and kicked',
  async () => {
    // The port is known only when it listens.
    await using own = await wire({ toml: '[upload]\nurl = "http://127.0.0.1:9"' })
    const port = own.port('http')
    own.config.upload.url = `http://127.0.0.1:${port}`
    for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await own.account(jid)
    const juliet = await moderator(own.port('c2s-tls'))
    const page = servePage(PAGE(`ws://127.0.0.1:${port}/xmpp-websocket`))
    const browser = await launch()
    try {
      const tab = await openPage(browser, page.url, [])
      await juliet.until((el) => el.name === 'presence' && el.attrs.from === `${ROOM}/Romeo`)
      await tab.waitForSelector('textarea.chat-textarea', { timeout: PATIENCE_MS })
      juliet.send(`<message to='${ROOM}' type='groupchat' id='a'><body>hark</body></message>`)
      await shows(tab, 'hark')
      await tab.fill('textarea.chat-textarea', 'what light <&>')
      await tab.press('textarea.chat-textarea', 'Enter')
      const said = await juliet.until(isBody('what light <&>'))
      expect(said.attrs.from).toBe(`${ROOM}/Romeo`)
      await shows(tab, 'what light <&>')

      await tab.setInputFiles('converse-chat-toolbar input.fileupload', {
        name: 'window.png',
        mimeType: 'image/png',
        buffer: PICTURE,
      })
      const sent = await juliet.until((el) => /window\.png$/.test(childText(el, 'body') ?? ''))
      const file = await fetch(childText(sent, 'body') ?? '')
      expect([file.status, file.headers.get('content-type')]).toEqual([200, 'image/png'])
      expect(Buffer.from(await file.arrayBuffer()).equals(PICTURE)).toBe(true)

      const retract = `<retract xmlns='urn:xmpp:message-retract:1'/><reason>soft!</reason>`
      const moderate = `<moderate xmlns='urn:xmpp:message-moderate:1' id='${stanzaId(said)}'>${retract}</moderate>`
      await asks(juliet, moderate)
      await tab
        .locator('.chat-msg__text', { hasText: 'what light' })
        .waitFor({ state: 'detached', timeout: PATIENCE_MS / 4 })
      await shows(tab, 'soft!', 'converse-chat-message')

      // Who is there keeps the voice when a room becomes moderated.
      await configures(juliet, `<field var='muc#roomconfig_moderatedroom'><value>1</value></field>`)
      await role(juliet, 'visitor')
      await tab.waitForSelector('textarea.chat-textarea', { state: 'detached', timeout: PATIENCE_MS / 4 })
      await role(juliet, 'participant')
      await tab.waitForSelector('textarea.chat-textarea', { timeout: PATIENCE_MS / 4 })
      await role(juliet, 'none')
      await tab
        .locator('converse-muc', { hasText: /kicked/i })
        .waitFor({ state: 'attached', timeout: PATIENCE_MS / 4 })
      juliet.close()
    } finally {
      await browser.close()
      page.stop()
    }
  },
  PATIENCE_MS,
)
