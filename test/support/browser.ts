/** A headless chromium and a web server for pages of its own, both on loopback. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'

export const CHROMIUM =
  ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync) ?? '/usr/bin/chromium'
const MODULES = join(import.meta.dir, '../../node_modules')

/** Serves what packages ship under /PACKAGE/…, and one page at /. */
export function servePage(html: string): { url: string; stop(): void } {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request) {
      const { pathname } = new URL(request.url)
      if (pathname === '/')
        return new Response(html, { headers: { 'content-type': 'text/html; charset=utf-8' } })
      const file = Bun.file(join(MODULES, pathname))
      return existsSync(join(MODULES, pathname)) ? new Response(file) : new Response('', { status: 404 })
    },
  })
  return { url: `http://localhost:${server.port}/`, stop: () => void server.stop(true) }
}

export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: CHROMIUM,
    args: [
      // Tests may run as root, where the sandbox cannot; only pages of our own are opened.
      '--no-sandbox',
      '--disable-dev-shm-usage',
      // Nothing leaves this machine, whatever a page would like to load.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
    ],
  })

/** A page whose complaints end up in `log`. */
export async function openPage(browser: Browser, url: string, log: string[]): Promise<Page> {
  const context = await browser.newContext()
  const page = await context.newPage()
  page.on('console', (message) => void (message.type() === 'error' && log.push(message.text())))
  page.on('pageerror', (error) => void log.push(error.message))
  await page.goto(url)
  return page
}
