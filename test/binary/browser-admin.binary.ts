/** The web admin in a real browser: by keyboard alone, in both languages, on a narrow and on a wide screen. */
import { expect } from 'bun:test'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { CHROMIUM, launch } from '../support/browser.ts'
import { testWith } from '../support/programs.ts'
import { PASSWORD, wire } from '../wire/support.ts'

const PATIENCE_MS = 60_000
const ADMIN = 'nurse@bix.org'
/** Directory for pictures of the pages, for people who want to look. */
const PICTURES = process.env.PICTURES

const focused = (page: Page): Promise<string> =>
  page.evaluate(`(() => {
    const el = document.activeElement
    const style = getComputedStyle(el)
    const isSeen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0
    return (isSeen ? '' : 'unseen ') + (el.name || el.textContent.trim())
  })()`)

/** Presses Tab until that has the focus, which must be visible wherever it goes. */
async function tabTo(page: Page, name: string): Promise<void> {
  const passed: string[] = []
  for (let i = 0; i < 60 && passed.at(-1) !== name; i++) {
    await page.keyboard.press('Tab')
    passed.push(await focused(page))
  }
  expect(passed.filter((one) => one.startsWith('unseen'))).toEqual([])
  expect(passed.at(-1)).toBe(name)
}

testWith([CHROMIUM])(
  'the web admin by keyboard: the menu, a form that fails and then does not, a question that is answered',
  async () => {
    await using own = await wire()
    own.config.admins.push(ADMIN)
    await own.account(ADMIN)
    const base = `http://127.0.0.1:${own.port('http')}`
    const browser = await launch()
    try {
      const log: string[] = []
      const context = await browser.newContext({
        viewport: { width: 1280, height: 800 },
        timezoneId: 'Asia/Shanghai',
      })
      const page = await context.newPage()
      page.on('pageerror', (error) => void log.push(error.message))
      await page.goto(`${base}/admin/login`)
      // The first field has the focus.
      await page.keyboard.type(ADMIN)
      await tabTo(page, 'password')
      await page.keyboard.type(PASSWORD)
      await page.keyboard.press('Enter')
      await page.waitForURL('**/admin/')
      await tabTo(page, 'Skip to content')
      await tabTo(page, 'People')
      await page.keyboard.press('Enter')
      await tabTo(page, 'Users')
      await page.keyboard.press('Enter')
      await page.waitForURL('**/admin/users')
      await tabTo(page, 'jid')
      await page.keyboard.type('romeo@far.example')
      await tabTo(page, 'password')
      await page.keyboard.type('balcony and moon')
      await page.keyboard.press('Enter')
      await page.waitForSelector('[role=alert]')
      expect(await page.inputValue('input[name=jid]')).toBe('romeo@far.example')
      await tabTo(page, 'jid')
      await page.keyboard.press('Control+A')
      await page.keyboard.type('romeo@bix.org')
      await tabTo(page, 'password')
      await page.keyboard.type('balcony and moon')
      await page.keyboard.press('Enter')
      await page.waitForURL('**/admin/users?done=added')
      await tabTo(page, 'romeo@bix.org')
      await page.keyboard.press('Enter')
      await page.waitForURL('**/admin/users/show?jid=*')
      await tabTo(page, 'Remove…')
      await page.keyboard.press('Enter')
      await tabTo(page, 'sure')
      await page.keyboard.press('Space')
      await tabTo(page, 'Remove romeo@bix.org')
      await page.keyboard.press('Enter')
      await page.waitForURL('**/admin/users?done=removed')
      await tabTo(page, '简体中文')
      await page.keyboard.press('Enter')
      await page.waitForSelector('html[lang=zh-Hans]')
      expect(await page.title()).toBe('用户 · Belfry')
      expect(log).toEqual([])
    } finally {
      await browser.close()
    }
  },
  PATIENCE_MS,
)

/** Lists that are wider than their card, and buttons whose words stand below one another. */
const CRUSHED = `[
  ...[...document.querySelectorAll('.card.flush')].filter((card) => card.scrollWidth > card.clientWidth),
  ...[...document.querySelectorAll('td button')].filter((button) => button.clientHeight > 48),
].map((el) => el.textContent.trim().slice(0, 60))`

testWith([CHROMIUM])(
  'the web admin: no page is wider than the screen, in either language',
  async () => {
    await using own = await wire()
    own.config.admins.push(ADMIN)
    own.config.http.public_url = 'https://chat.bix.org'
    await own.account(ADMIN)
    const base = `http://127.0.0.1:${own.port('http')}`
    const browser = await launch()
    try {
      for (const [width, locale, colorScheme] of [
        [390, 'zh-CN', 'dark'],
        [390, 'en', 'light'],
        [1280, 'zh-CN', 'light'],
      ] as const) {
        const context = await browser.newContext({ viewport: { width, height: 844 }, locale, colorScheme })
        const page = await context.newPage()
        await page.goto(`${base}/admin/login`)
        await page.fill('input[name=jid]', ADMIN)
        await page.fill('input[name=password]', PASSWORD)
        await page.click('button[type=submit]')
        await page.waitForURL('**/admin/')
        for (const path of [
          '',
          'users',
          `users/show?jid=${ADMIN}`,
          'invites',
          'tokens',
          'bans',
          'backups',
          'config',
          'about',
          'audit',
          'doctor',
          'logs',
          'rooms',
          'uploads',
          'push',
          'certificates',
        ]) {
          await page.goto(`${base}/admin/${path}`)
          if (path === 'invites') {
            await page.click('main form.stack button[type=submit]')
            await page.waitForSelector('.qr')
          }
          if (path === 'tokens') {
            await page.fill('input[name=name]', 'the shop at the corner')
            await page.check('input[value=status]')
            await page.click('main form.stack button[type=submit]')
            await page.waitForSelector('td button')
          }
          const wide = await page.evaluate('document.documentElement.scrollWidth')
          expect(`${path} ${width} ${locale} ${Number(wide) <= width}`).toBe(
            `${path} ${width} ${locale} true`,
          )
          expect([path, width, locale, await page.evaluate(CRUSHED)]).toEqual([path, width, locale, []])
          if (PICTURES !== undefined)
            await page.screenshot({
              path: join(
                PICTURES,
                `${path.replace(/\W.*/, '-one') || 'dashboard'}-${width}-${locale}-${colorScheme}.png`,
              ),
            })
        }
        await page.goto(`${base}/v1/docs/users`)
        const wide = await page.evaluate('document.documentElement.scrollWidth')
        expect(`docs ${width} ${Number(wide) <= width}`).toBe(`docs ${width} true`)
        await context.close()
      }
    } finally {
      await browser.close()
    }
  },
  PATIENCE_MS,
)
