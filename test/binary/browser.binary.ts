/** Web clients in a real browser, on a page of another port: its origin counts, and so does its XMLHttpRequest. */
import { expect } from 'bun:test'
import type { Page } from 'playwright-core'
import { CHROMIUM, launch, openPage, servePage } from '../support/browser.ts'
import { Cable } from '../support/cable.ts'
import { testWith } from '../support/programs.ts'
import { byXmppJs } from '../wire/stock-clients.ts'
import { befriend, says, times, watches } from '../wire/contact.ts'
import { PASSWORD, wire } from '../wire/support.ts'

const PATIENCE_MS = 60_000
const browserTest = testWith([CHROMIUM])

/** In the page: strophe.js over BOSH; what it hears becomes `window.heard`. */
const STROPHE_PAGE = (
  bosh: string,
) => `<!doctype html><link rel="icon" href="data:,"><script src="/strophe.js/dist/strophe.umd.min.js"></script><script>
window.heard = []; window.statuses = []
const { Strophe, $pres, $msg, $iq } = window.strophe ?? window
const connection = new Strophe.Connection(${JSON.stringify(bosh)})
connection.connect('romeo@bix.org/web', ${JSON.stringify(PASSWORD)}, (status) => {
  window.statuses.push(status)
  if (status !== Strophe.Status.CONNECTED) return
  connection.addHandler((el) => {
    window.heard.push(el.querySelector('body')?.textContent ?? '')
    return true
  }, null, 'message')
  connection.send($pres())
})
window.says = (to, body) => connection.send($msg({ to, type: 'chat' }).c('body').t(body))
window.asks = () => new Promise((resolve) =>
  connection.sendIQ($iq({ type: 'get' }).c('query', { xmlns: 'jabber:iq:roster' }), (el) => resolve(el.getAttribute('type'))))
window.leaves = () => connection.disconnect()
</script>`

browserTest(
  'strophe.js over BOSH: log in, roster, chat, log out',
  async () => {
    await using own = await wire()
    for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await own.account(jid)
    const port = own.port('http')
    const page = servePage(STROPHE_PAGE(`http://127.0.0.1:${port}/http-bind`))
    const browser = await launch()
    try {
      const juliet = byXmppJs('juliet', 'balcony', `ws://127.0.0.1:${port}/xmpp-websocket`)
      await juliet.starts()
      const log: string[] = []
      const tab = await openPage(browser, page.url, log)
      await tab.waitForFunction('window.statuses.includes(5)', undefined, { timeout: PATIENCE_MS })
      expect(await tab.evaluate('window.asks()')).toBe('result')
      juliet.says('romeo@bix.org', 'Ay me')
      await tab.waitForFunction('window.heard.length > 0')
      expect(await tab.evaluate('window.heard')).toEqual(['Ay me'])
      await tab.evaluate(`window.says('juliet@bix.org', 'She speaks <&>')`)
      while (juliet.heard.length === 0) await juliet.roster()
      expect(juliet.heard).toEqual(['She speaks <&>'])
      await tab.evaluate('window.leaves()')
      await tab.waitForFunction('window.statuses.includes(6)')
      await juliet.stops()
      expect(log).toEqual([])
    } finally {
      await browser.close()
      page.stop()
    }
  },
  PATIENCE_MS,
)

const CONVERSE_PAGE = (socket: string, smacks = false) => `<!doctype html><html><head><meta charset="utf-8">
<link rel="stylesheet" href="/converse.js/dist/converse.min.css"><link rel="icon" href="data:,"></head>
<body class="converse-fullscreen"><script type="module">
import '/converse.js/dist/converse.min.js'
converse.initialize({
  websocket_url: ${JSON.stringify(socket)}, jid: 'romeo@bix.org', password: ${JSON.stringify(PASSWORD)}, auto_login: true,
  view_mode: 'fullscreen', discover_connection_methods: false, assets_path: '/converse.js/dist/', i18n: 'en',
  allow_registration: false, enable_smacks: ${smacks}, archived_messages_page_size: 50, clear_cache_on_logout: false,
  play_sounds: false, blacklisted_plugins: ['converse-omemo'], loglevel: 'error', persistent_store: 'sessionStorage', notification_icon: '',
})
</script></body></html>`

browserTest(
  'converse.js over WebSocket: log in, chat both ways, history after a reload',
  async () => {
    await using own = await wire()
    for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await own.account(jid)
    const socket = `ws://127.0.0.1:${own.port('http')}/xmpp-websocket`
    const page = servePage(CONVERSE_PAGE(socket))
    const browser = await launch()
    try {
      const juliet = byXmppJs('juliet', 'balcony', socket)
      const desk = byXmppJs('romeo', 'desk', socket)
      for (const person of [juliet, desk]) await person.starts()
      await desk.adds('juliet@bix.org')
      await desk.stops()
      const tab = await openChat(await openPage(browser, page.url, []))
      juliet.says('romeo@bix.org', 'Ay me')
      await shows(tab, 'Ay me')
      await types(tab, 'She speaks <&>')
      while (juliet.heard.length === 0) await juliet.roster()
      expect(juliet.heard).toEqual(['She speaks <&>'])
      await tab.reload()
      await openChat(tab)
      await shows(tab, 'Ay me', 'She speaks <&>')
      // A browser that remembers nothing can only have it from the archive.
      const fresh = await openChat(await openPage(browser, page.url, []))
      await shows(fresh, 'Ay me', 'She speaks <&>')
      await juliet.stops()
    } finally {
      await browser.close()
      page.stop()
    }
  },
  PATIENCE_MS,
)

browserTest(
  'converse.js over a cut network and a restart: each message once, and carbons',
  async () => {
    await using own = await wire()
    for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await own.account(jid)
    await befriend(own)
    const socket = (port: number) => `ws://127.0.0.1:${port}/xmpp-websocket`
    await using cable = await Cable.to(own.port('http'))
    const page = servePage(CONVERSE_PAGE(socket(cable.port), true))
    const browser = await launch()
    try {
      let juliet = await watches(own, 'juliet@bix.org')
      const tab = await openChat(await openPage(browser, page.url, []))
      const ROMEO = 'romeo@bix.org'
      juliet.send(says('before', ROMEO))
      await shows(tab, 'before')
      const desk = byXmppJs('romeo', 'desk', socket(own.port('http')))
      await desk.starts()
      desk.says('juliet@bix.org', 'from the desk')
      await shows(tab, 'before', 'from the desk')
      await desk.stops()
      await juliet.ping()
      const before = juliet.text.length

      cable.cut()
      juliet.send(says('into the dark', ROMEO))
      await juliet.ping()
      cable.mend()
      await shows(tab, 'before', 'from the desk', 'into the dark')
      await juliet.ping()
      // Whoever resumes was never gone.
      expect(juliet.text.slice(before)).not.toContain(`unavailable" from="romeo@bix.org/conv`)
      await types(tab, 'again')
      expect(await juliet.body()).toBe('again')
      await juliet.ping()
      expect(times(juliet, 'again')).toBe(1)

      juliet.send(says('just before the end', ROMEO))
      await juliet.ping()
      await own.restart()
      juliet = await watches(own, 'juliet@bix.org')
      juliet.send(says('after it', ROMEO))
      const all = ['before', 'from the desk', 'into the dark', 'again', 'just before the end', 'after it']
      await shows(tab, ...all)
      await types(tab, 'at last')
      expect(await juliet.body()).toBe('at last')
      await shows(tab, ...all, 'at last')
      await juliet.ping()
      expect(times(juliet, 'at last')).toBe(1)
      juliet.close()
    } finally {
      await browser.close()
      page.stop()
    }
  },
  PATIENCE_MS,
)

/**
 * Settles once exactly these messages stand in the open chat. An expression, not a function: one that comes as text is
 * never called by playwright, and true at once.
 */
async function shows(tab: Page, ...bodies: string[]): Promise<void> {
  const shown = `[...document.querySelectorAll('.chat-msg__text')].map((el) => el.textContent.trim())`
  const expected = JSON.stringify(JSON.stringify(bodies))
  try {
    await tab.waitForFunction(`JSON.stringify(${shown}) === ${expected}`, undefined, {
      timeout: PATIENCE_MS / 2,
    })
  } catch {
    expect(await tab.evaluate(shown)).toEqual(bodies)
  }
}

async function types(tab: Page, body: string): Promise<void> {
  await tab.fill('textarea.chat-textarea', body)
  await tab.press('textarea.chat-textarea', 'Enter')
}

/** Opens the chat with Juliet unless it is open already. */
async function openChat(tab: Page): Promise<Page> {
  await tab.waitForSelector('converse-roster-contact, textarea.chat-textarea', { timeout: PATIENCE_MS })
  if ((await tab.locator('textarea.chat-textarea').count()) === 0)
    await tab.locator('converse-roster-contact', { hasText: 'juliet@bix.org' }).locator('a').first().click()
  await tab.waitForSelector('textarea.chat-textarea', { timeout: PATIENCE_MS })
  return tab
}
