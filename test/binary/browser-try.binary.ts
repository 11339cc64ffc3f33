/** The simulator as a lock screen, and the chat page beside it, in a real browser. */
import { expect } from 'bun:test'
import type { Browser, Page } from 'playwright-core'
import { CHROMIUM, launch } from '../support/browser.ts'
import { testWith } from '../support/programs.ts'
import { PASSWORD, type Wire, wire } from '../wire/support.ts'

const PATIENCE_MS = 60_000
const WAIT = { timeout: 15_000 }
const ADMIN = 'nurse@bix.org'
const browserTest = testWith([CHROMIUM])

/** Signed in, on a page of the web admin; what the page complains about ends up in `log`. */
async function visits(browser: Browser, own: Wire, path: string, log: string[]): Promise<Page> {
  const context = await browser.newContext({ timezoneId: 'Asia/Shanghai' })
  const page = await context.newPage()
  page.on('console', (message) => void (message.type() === 'error' && log.push(message.text())))
  page.on('pageerror', (error) => void log.push(error.message))
  const base = `http://127.0.0.1:${own.port('http')}`
  await page.goto(`${base}/admin/login`)
  await page.fill('input[name=jid]', ADMIN)
  await page.fill('input[name=password]', PASSWORD)
  await page.click('button[type=submit]')
  await page.waitForURL('**/admin/')
  await page.goto(base + path)
  return page
}

async function served(toml: string): Promise<Wire> {
  const own = await wire({ toml })
  own.config.admins.push(ADMIN)
  await own.account(ADMIN)
  return own
}

const users = async (own: Wire): Promise<string[]> => {
  const answer = (await (await own.ask('GET', '/v1/users')).json()) as { items: { jid: string }[] }
  return answer.items.map(({ jid }) => jid)
}

browserTest(
  'chat, app closed, ring, read once: in a browser, without any other client',
  async () => {
    await using own = await served('[push]\nsimulator = true')
    const browser = await launch()
    const log: string[] = []
    try {
      const page = await visits(browser, own, '/admin/try', log)
      await page.click('text=Begin')
      const [one, two] = [page.locator('.chat').nth(0), page.locator('.chat').nth(1)]
      const says = async (side: typeof one, text: string) => {
        await side.locator('input[name=text]').fill(text)
        await side.locator('input[name=text]').press('Enter')
      }
      const isThere = (side: typeof one, selector: string) => side.locator(selector).first().waitFor(WAIT)
      for (const side of [one, two]) await isThere(side, 'text=The app is open.')
      await says(one, 'hark <&>')
      await isThere(two, '.messages .others:has-text("hark <&>")')
      await isThere(one, '.messages .own.read:has-text("hark <&>")')
      expect(await page.locator('.notifications li').count()).toBe(0)

      await two.locator('.toggle').click()
      await isThere(two, '.said:has-text("The app is closed.")')
      await isThere(two, '.phone:has-text("Nothing to see.")')
      await says(one, 'what light?')
      await isThere(two, '.notifications li:has-text("try-one-")')
      await isThere(two, '.badge:has-text("1")')
      await says(one, 'it is the east')
      await isThere(two, '.badge:has-text("2")')
      // Of one conversation.
      expect(await two.locator('.notifications li').count()).toBe(1)
      expect(await one.locator('.badge').count()).toBe(0)

      const phones = await page.context().newPage()
      await phones.goto(`http://127.0.0.1:${own.port('http')}/admin/simulator`)
      await phones.locator('.phone:has-text("try-two-") .badge:has-text("2")').waitFor(WAIT)
      await two.locator('.notifications li').click()
      await isThere(two, '.messages .others:has-text("it is the east")')
      await two.locator('.notifications').waitFor({ ...WAIT, state: 'detached' })
      await two.locator('.badge').waitFor({ ...WAIT, state: 'detached' })
      await phones.locator('.badge').waitFor({ ...WAIT, state: 'detached' })
      await isThere(one, '.messages .own.read:has-text("it is the east")')
      expect(await two.locator('.messages .others').allTextContents()).toEqual([
        'hark <&>',
        'what light?',
        'it is the east',
      ])
      expect((await users(own)).length).toBe(3)
      await page.click('text=End the trial')
      await page.locator('text=Begin').waitFor(WAIT)
      expect(await users(own)).toEqual([ADMIN])
      await phones.locator('text=No device is registered yet').waitFor(WAIT)
      expect(log).toEqual([])
    } finally {
      await browser.close()
    }
  },
  PATIENCE_MS,
)

browserTest(
  'a trial ends with its page, or with the next start of a server that was stopped; elsewhere there is none',
  async () => {
    await using own = await served('[push]\nsimulator = true')
    const browser = await launch()
    try {
      const page = await visits(browser, own, '/admin/try', [])
      await page.click('text=Begin')
      await page.locator('text=The app is open.').nth(1).waitFor(WAIT)
      await page.goto(`http://127.0.0.1:${own.port('http')}/admin/`)
      while ((await users(own)).length > 1);
      await page.goto(`http://127.0.0.1:${own.port('http')}/admin/try`)
      await page.click('text=Begin')
      await page.locator('text=The app is open.').nth(1).waitFor(WAIT)
      await own.restart()
      expect((await users(own)).length).toBe(3)
      const again = await visits(browser, own, '/admin/try', [])
      await again.click('text=Begin')
      await again.locator('text=The app is open.').nth(1).waitFor(WAIT)
      expect((await users(own)).length).toBe(3)

      own.config.push.simulator = false
      for (const path of ['/admin/simulator', '/admin/try', '/admin/try/events', '/admin/simulator/events'])
        expect((await again.request.get(`http://127.0.0.1:${own.port('http')}${path}`)).status()).toBe(404)
      await again.goto(`http://127.0.0.1:${own.port('http')}/admin/`)
      expect(await again.locator('a:has-text("Try it")').count()).toBe(0)
    } finally {
      await browser.close()
    }
  },
  PATIENCE_MS,
)
