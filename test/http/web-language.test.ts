/** The web in English and in Chinese: how a language is chosen, and that nothing of the other is left. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'
import { features } from '../../src/features/index.ts'
import { SimPhones } from '../../src/ops/apns-sim-phones.ts'
import { addDevice } from '../../src/http/devices.ts'
import { preferred } from '../../src/http/web/words.ts'
import { CHINESE } from '../../src/http/web/words/chinese.ts'
import { ADMIN, type HttpWorld, JULIET, LOOPBACK, ROMEO, startHttp } from './support.ts'
import { page, post, signIn } from './web-support.ts'

const WEB = join(import.meta.dir, '../../src/http/web')
const ENGLISH = Object.keys(CHINESE)
const gapsOf = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort()

test('the browser’s wish counts, with its qualities', () => {
  for (const [wish, language] of [
    [undefined, 'en'],
    ['', 'en'],
    ['zh-CN,zh;q=0.9,en;q=0.8', 'zh-Hans'],
    ['en-GB,en;q=0.9,zh-CN;q=0.8', 'en'],
    ['de, zh-TW;q=0.5', 'zh-Hans'],
    ['fr;q=1, en;q=0.3, zh;q=0.31', 'zh-Hans'],
    ['zh;q=0, de', 'en'],
    ['*;q=0.5;;;, ;q=zh, ZH-hans', 'zh-Hans'],
  ] as const)
    expect(`${wish} ${preferred(wish)}`).toBe(`${wish} ${language}`)
})

test('a link in the foot chooses, is kept in a cookie, goes before the browser’s wish and leads back', async () => {
  using w = await startHttp()
  const wish = { 'accept-language': 'zh-CN' }
  expect((await page(w, '/admin/login', wish)).text).toContain('<html lang="zh-Hans">')
  const links = /href="(\/admin\/language\?to=en)"[^>]*>English</.exec(
    (await page(w, '/admin/login', wish)).text,
  )
  const from = (referer: string, path = links?.[1] ?? '', host = '127.0.0.1:5280') =>
    w.call('GET', path, { headers: { referer, host }, peer: LOOPBACK })
  const chosen = await from('http://127.0.0.1:5280/admin/users?search=a&order=seen')
  expect([chosen.status, chosen.headers.get('location')]).toEqual([303, '/admin/users?search=a&order=seen'])
  const cookie = chosen.headers.get('set-cookie') ?? ''
  expect(cookie).toMatch(/^belfry-language=en; Max-Age=31536000; Path=\/; HttpOnly; SameSite=Lax$/)
  const both = { ...wish, cookie: cookie.split(';')[0] ?? '' }
  expect((await page(w, '/admin/login', both)).text).toContain('<html lang="en">')
  for (const [referer, back] of [
    // What a form has led to is no page to ask for.
    ['http://127.0.0.1:5280/admin/users/disable', '/admin/users'],
    ['http://127.0.0.1:5280/invite/abc', '/invite/abc'],
    ['http://127.0.0.1:5280//evil.example/', '/admin/'],
    ['https://evil.example/admin/users', '/admin/'],
    ['javascript:alert(1)', '/admin/'],
    ['', '/admin/'],
  ] as const)
    expect(`${referer} → ${(await from(referer)).headers.get('location')}`).toBe(`${referer} → ${back}`)
  const unknown = await from('', '/admin/language?to=<b>')
  expect([unknown.status, unknown.headers.get('set-cookie')]).toEqual([303, null])
})

test('each text of the catalogue is used, and keeps its gaps in Chinese', () => {
  const sources = readdirSync(WEB, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path) && !path.startsWith('words/'))
    .map((path) => readFileSync(join(WEB, path), 'utf8'))
    .join('\n')
  /** Words that come from below: events of the audit, roles and results. */
  const below = readdirSync(join(WEB, '..', '..'), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.ts$/.test(path) && !path.startsWith('http/web/'))
    .map((path) => readFileSync(join(WEB, '..', '..', path), 'utf8'))
    .join('\n')
  const quoted = (text: string) => [`'${text}'`, `"${text}"`, `'${text.replaceAll("'", "\\'")}'`]
  const isUsed = (text: string) =>
    [sources, below].some((all) => quoted(text).some((one) => all.includes(one)))
  /** Put together of a kind of event and what it is about. */
  const made = new Set(['device removed'])
  const bare = (text: string) => new RegExp(`\\b${RegExp.escape(text)}: `).test(sources)
  expect(
    ENGLISH.filter((text) => !made.has(text) && !isUsed(text) && !(/^\w+$/.test(text) && bare(text))),
  ).toEqual([])
  const torn = Object.entries(CHINESE).filter(([en, zh]) => gapsOf(en).join() !== gapsOf(zh).join())
  expect(torn).toEqual([])
})

/** Something of everything, so that no page is empty. */
async function furnish(w: HttpWorld): Promise<void> {
  const juliet = w.store.accounts.find(JULIET)
  if (!juliet) throw new Error('no account')
  await w.call('POST', '/v1/rooms', {
    as: 'operator',
    body: { jid: 'r@conference.bix.org', name: '§', owner: ROMEO, members: [{ jid: JULIET }] },
  })
  await w.call('POST', '/v1/tokens', { as: 'operator', body: { name: '§', scopes: ['status'] } })
  await w.call('POST', '/v1/invites', { as: 'operator', body: { uses: 3 } })
  await w.call('POST', '/v1/bans', { as: 'operator', body: { address: '192.0.2.1' } })
  w.connect(`${JULIET}/phone`)
  await addDevice(w.deps, juliet, { token: 'ab'.repeat(32), topic: 'org.bix.chat', of: {} })
  await w.router.run((t) =>
    t.store.push.record({
      ...{ account: juliet.id, device: 3, messageId: 'm1', verdict: 'suppressed', rule: 'session-active' },
      at: t.now,
    }),
  )
}

/** Texts of a page: between tags, and in attributes that people hear or see; those marked as English are left out. */
function textsOf(html: string): string[] {
  const body = html
    .replace(/<(span|li)[^>]* lang="en">(?:(?!<\/\1>).|<span[^>]*>[^<]*<\/span>)*<\/\1>/gs, '')
    .replace(/<code>.*?<\/code>/gs, '')
    .replace(/<option[^>]*>[^<]*<\/option>/g, '')
  const between = [...body.matchAll(/>([^<>]+)</g)]
  const inside = [...body.matchAll(/(?:aria-label|placeholder|title|alt)="([^"]+)"/g)]
  const words = [...body.matchAll(/data-words="([^"]+)"/g)].flatMap(([, json = '{}']) =>
    Object.values(JSON.parse(json.replaceAll('&quot;', '"')) as Record<string, string>),
  )
  const decoded = (text = '') => text.replaceAll('&amp;', '&').replaceAll('&#39;', "'").trim()
  return [...words, ...[...between, ...inside].map(([, text]) => decoded(text))]
}

test('no English is left on any page in Chinese, nor Chinese on one in English', async () => {
  using w = await startHttp((config) => (config.push.simulator = true), features)
  Object.assign(w.deps, { push: { ...w.deps.push, phones: new SimPhones() } })
  Object.assign(w.deps, { certificates: { list: () => [], alarms: () => [] } })
  await furnish(w)
  const { cookie } = await signIn(w)
  const told = ENGLISH.filter((text) => CHINESE[text as keyof typeof CHINESE] !== text)
  const patterns = told.map(
    (text) =>
      new RegExp(
        `^${text
          .split(/\{\w+\}/)
          .map((part) => RegExp.escape(part))
          .join('.+')}$`,
      ),
  )
  const paths = w.app.routes
    .filter(({ method, path }) => method === 'GET' && /^\/(admin|invite)\//.test(path))
    .map(({ path }) => path)
    .filter((path) => !/events$|\.(css|js|svg)$|language$|export$/.test(path))
    .map((path) => path.replace('users/show', `users/show?jid=${JULIET}`))
    .map((path) => path.replace('rooms/show', 'rooms/show?jid=r@conference.bix.org'))
  expect(paths.length).toBeGreaterThan(15)
  const chinese = { 'accept-language': 'zh-CN', cookie }
  const found: string[] = []
  const look = (path: string, text: string) => {
    for (const one of textsOf(text))
      if (patterns.some((pattern) => pattern.test(one))) found.push(`${path}: ${one}`)
    expect(`${path} ${text.includes('lang="zh-Hans"><head>')}`).toBe(`${path} true`)
    expect(Buffer.byteLength(text)).toBeLessThan(100 * 1024)
  }
  for (const path of paths) {
    const shown = await w.call('GET', path, { headers: chinese })
    if (shown.status === 303) continue
    look(path, await shown.text())
    const english = await page(w, path, { cookie })
    expect(`${path} ${english.text.replace('简体中文', '').match(/\p{Script=Han}+/u)?.[0]}`).toBe(
      `${path} undefined`,
    )
  }
  // What a form says when it fails, and where there is nothing.
  for (const [path, fields] of [
    ['/admin/users', { jid: 'x', password: '' }],
    ['/admin/users', { jid: JULIET, password: 'x' }],
    ['/admin/users/delete', { jid: ROMEO }],
    ['/admin/users/delete', { jid: ADMIN, sure: 'yes' }],
    ['/admin/rooms/delete', { jid: 'r@conference.bix.org' }],
    ['/admin/uploads/purge', { days: 'many', sure: 'yes' }],
    ['/admin/login', { jid: ROMEO, password: 'wrong' }],
  ] as const)
    look(path, await (await post(w, path, fields, chinese)).text())
  look('/admin/nowhere', (await page(w, '/admin/users/show?jid=nobody@bix.org', chinese)).text)
  expect(found).toEqual([])
})

test('parts that the server renews come in the reader’s language', async () => {
  using w = await startHttp()
  const { cookie } = await signIn(w)
  const first = async (headers: Record<string, string>) => {
    const answer = await w.call('GET', '/admin/events', { headers: { cookie, ...headers } })
    const reader = answer.body?.getReader()
    let text = ''
    while (!text.includes('data: plots-hour'))
      text += Buffer.from((await reader?.read())?.value ?? []).toString()
    return { text, end: () => reader?.cancel() }
  }
  const chinese = await first({ 'accept-language': 'zh' })
  const english = await first({})
  expect(chinese.text).toContain('data: now-zh-Hans\n')
  expect(chinese.text).toContain('就绪')
  expect(english.text).toContain('data: now\n')
  expect(english.text).toContain('>ready<')
  for (const { end } of [chinese, english]) await end()
  const shown = await page(w, '/admin/', { cookie, 'accept-language': 'zh' })
  for (const id of ['now-zh-Hans', 'plots-hour-zh-Hans']) expect(shown.text).toContain(`id="${id}"`)
})
