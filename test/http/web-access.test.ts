/** The pages of invitations, tokens, bans, the configuration, backups and of the program itself. */
import { expect, test } from 'bun:test'
import { limitsHit } from '../../src/metrics/metrics.ts'
import { ADMIN, basic, type HttpWorld, JULIET, startHttp } from './support.ts'
import { page, post, signIn } from './web-support.ts'

const linkOf = (text: string, words: string) =>
  new RegExp(`href="([^"]*)"[^>]*>${words}`).exec(text)?.[1]?.replaceAll('&amp;', '&') ?? ''

async function start(change?: Parameters<typeof startHttp>[0]): Promise<HttpWorld> {
  const w = await startHttp(change)
  w.store.audit.isAdmin = (jid) => jid === ADMIN
  return w
}
const events = (w: HttpWorld) =>
  w.store.audit.page({}, undefined, 100).map(({ event, by, door }) => `${event} by ${by}, ${door}`)

test('invitations: made with a code to scan, listed, taken back; a form that fails keeps what was typed', async () => {
  using w = await start((config) => (config.http.public_url = 'https://chat.bix.org'))
  const cookie = await signIn(w)
  expect((await page(w, '/admin/invites', cookie)).text).toContain('No invitations.')
  const form = { host: 'bix.org', jid: '', inviter: JULIET, uses: '3', days: '2', register: 'yes' }
  const made = await post(w, '/admin/invites', form, cookie)
  const text = await made.text()
  const link = /https:\/\/chat\.bix\.org\/invite\/([0-9a-f]{32})/.exec(text)
  expect([made.status, text.includes('aria-label="QR code of this invitation"')]).toEqual([200, true])
  expect((await page(w, `/invite/${link?.[1]}`, {})).text).toContain(`${JULIET} invites you to chat`)
  const list = await page(w, '/admin/invites', cookie)
  expect(list.text).not.toContain(link?.[1] ?? '?')
  for (const part of ['0 / 3', `of ${JULIET}`, 'makes an account']) expect(list.text).toContain(part)
  for (const wrong of [
    { uses: 'many' },
    { days: '0' },
    { inviter: 'nobody@bix.org' },
    { jid: '<b>' },
    { host: 'far.example' },
  ]) {
    const failed = await post(w, '/admin/invites', { ...form, ...wrong }, cookie)
    const [[name, value]] = Object.entries(wrong) as [[string, string]]
    const shown = (await failed.text()).replaceAll('&lt;', '<').replaceAll('&gt;', '>')
    expect(`${name} ${failed.status} ${shown.includes(`value="${value}"`) || name === 'host'}`).toBe(
      `${name} 422 true`,
    )
    expect(shown).toContain(`value="${'inviter' in wrong ? wrong.inviter : JULIET}"`)
  }
  const id = String(w.store.invites.list(10)[0]?.id)
  expect((await post(w, '/admin/invites/revoke', { id }, cookie)).headers.get('location')).toBe(
    '/admin/invites?done=revoked',
  )
  expect((await post(w, '/admin/invites/revoke', { id }, cookie)).status).toBe(422)
  for (const event of ['invitation made', 'invitation revoked'])
    expect(events(w)).toContain(`${event} by ${ADMIN}, web`)
})

test('a list is sorted both ways, counted, and read to its end and back', async () => {
  using w = await start()
  const cookie = await signIn(w)
  await w.router.run((t) => {
    for (let i = 0; i < 120; i++)
      t.store.tokens.create(
        {
          name: `t${String((i * 7) % 120).padStart(3, '0')}`,
          scopes: ['status'],
          accountId: null,
          expiresAt: null,
        },
        1000 + i,
      )
  })
  const names = (text: string) => [...text.matchAll(/class="break">(t\d{3})</g)].map(([, name]) => name)
  for (const [path, isFalling] of [
    ['/admin/tokens', false],
    ['/admin/tokens?order=name&falling=yes', true],
  ] as const) {
    const seen: (string | undefined)[] = []
    const texts: string[] = []
    for (let next: string = path; next !== ''; next = linkOf(texts.at(-1) ?? '', 'Next page')) {
      texts.push((await page(w, next, cookie)).text)
      seen.push(...names(texts.at(-1) ?? ''))
    }
    const all = Array.from({ length: 120 }, (_, i) => `t${String(i).padStart(3, '0')}`)
    expect(seen).toEqual(isFalling ? all.toReversed() : all)
    expect(texts.map((text) => text.includes('<span class="state">120</span>'))).toEqual([true, true, true])
    // And back again.
    const middle = (await page(w, linkOf(texts[2] ?? '', 'Previous page'), cookie)).text
    expect(names(middle)).toEqual(names(texts[1] ?? ''))
    expect(names((await page(w, linkOf(middle, 'Previous page'), cookie)).text)).toEqual(
      names(texts[0] ?? ''),
    )
    expect(linkOf(texts[0] ?? '', 'Previous page')).toBe('')
  }
})

test('a list that is read by cursors goes back the way it came', async () => {
  using w = await start()
  const cookie = await signIn(w)
  await w.router.run((t) => {
    for (let i = 0; i < 170; i++)
      t.store.accounts.adopt(`c${String(i).padStart(3, '0')}@bix.org`, 'bix.org', {}, 1)
  })
  const names = (text: string) => [...text.matchAll(/show\?jid=([^"%]*)%40/g)].map(([, name]) => name)
  const texts: string[] = []
  for (
    let next = '/admin/users?search=c&order=jid';
    next !== '';
    next = linkOf(texts.at(-1) ?? '', 'Next page')
  )
    texts.push((await page(w, next, cookie)).text)
  expect(texts.length).toBe(4)
  let back = texts[3] ?? ''
  for (const n of [2, 1, 0]) {
    back = (await page(w, linkOf(back, 'Previous page'), cookie)).text
    expect([n, names(back)]).toEqual([n, names(texts[n] ?? '')])
  }
  expect([linkOf(back, 'Previous page'), linkOf(back, 'First page')]).toEqual(['', ''])
  // Somebody else's trail leads nowhere worse than to a page that is not there.
  expect((await page(w, '/admin/users?cursor=x&trail=..%2F.%3Cb%3E', cookie)).status).toBe(400)
})

test('tokens: scopes are chosen, the secret is shown once and works until it is revoked', async () => {
  using w = await start()
  const cookie = await signIn(w)
  const none = await post(w, '/admin/tokens', { name: 'back end', days: '7' }, cookie)
  const again = await none.text()
  expect([none.status, again.includes('value="back end"'), again.includes('value="7"')]).toEqual([
    422,
    true,
    true,
  ])
  const wrong = await (
    await post(w, '/admin/tokens', { name: 'x', days: 'soon', scopes: 'users:read' }, cookie)
  ).text()
  expect(wrong).toMatch(/value="users:read" checked/)
  const raw = 'name=back+end&days=&scopes=users%3Aread&scopes=status'
  const made = await w.call('POST', '/admin/tokens', {
    raw,
    headers: {
      ...cookie,
      'content-type': 'application/x-www-form-urlencoded',
      origin: 'http://127.0.0.1:5280',
    },
  })
  const secret = /bfy_[\w-]+/.exec(await made.text())?.[0] ?? ''
  expect([made.status, made.headers.get('cache-control')]).toEqual([200, 'no-store'])
  const asks = (path: string) => w.call('GET', path, { as: `Bearer ${secret}` })
  expect([
    (await asks('/v1/users')).status,
    (await asks('/v1/status')).status,
    (await asks('/v1/tokens')).status,
  ]).toEqual([200, 200, 403])
  const list = (await page(w, '/admin/tokens', cookie)).text
  expect([list.includes(secret), list.includes('users:read, status'), list.includes('for ever')]).toEqual([
    false,
    true,
    true,
  ])
  const id = String(w.store.tokens.list(null)[0]?.id)
  await post(w, '/admin/tokens/revoke', { id }, cookie)
  expect((await asks('/v1/users')).status).toBe(401)
  for (const event of ['API token made', 'API token revoked'])
    expect(events(w)).toContain(`${event} by ${ADMIN}, web`)
})

test('bans are made and ended; limits that were reached are counted', async () => {
  using w = await start()
  const cookie = await signIn(w)
  limitsHit.labels('a_limit_of_this_play').inc(1234)
  const failed = await post(w, '/admin/bans', { address: 'nowhere', account: JULIET }, cookie)
  const text = await failed.text()
  expect([failed.status, text.includes('value="nowhere"'), text.includes(`value="${JULIET}"`)]).toEqual([
    422,
    true,
    true,
  ])
  await post(w, '/admin/bans', { address: '192.0.2.1', account: '' }, cookie)
  await post(w, '/admin/bans', { address: '192.0.2.2', account: JULIET }, cookie)
  const list = (await page(w, '/admin/bans', cookie)).text
  for (const part of ['192.0.2.1', 'all accounts', '192.0.2.2', JULIET, 'a_limit_of_this_play', '1,234'])
    expect(list).toContain(part)
  await post(w, '/admin/bans/end', { address: '192.0.2.2', account: JULIET }, cookie)
  expect(w.deps.logins.bans().map(({ address }) => address)).toEqual(['192.0.2.1'])
  expect((await post(w, '/admin/bans/end', { address: '192.0.2.9' }, cookie)).status).toBe(422)
  for (const event of ['address banned', 'ban ended'])
    expect(events(w)).toContain(`${event} by ${ADMIN}, web`)
})

test('the configuration says what differs from the defaults, and no secret', async () => {
  using w = await start((config) => {
    config.limits.offline_messages = 77
    Object.assign(config.push, { proxy: 'http://romeo:balcony@proxy.example:3128' })
  })
  const cookie = await signIn(w)
  const changed = (await page(w, '/admin/config', cookie)).text
  for (const part of [
    'limits.offline_messages',
    '>77<',
    '[&quot;bix.org&quot;,&quot;other.example&quot;]',
    'push.proxy',
  ])
    expect(changed).toContain(part)
  expect([changed.includes('balcony'), changed.includes('limits.auth_ban')]).toEqual([false, false])
  const all = (await page(w, '/admin/config?all=yes', cookie)).text
  expect([all.includes('limits.auth_ban'), Buffer.byteLength(all) < 100 * 1024]).toEqual([true, true])
})

test('backups: what cannot be made says why and keeps what was chosen', async () => {
  using w = await start()
  const cookie = await signIn(w)
  const failed = await post(w, '/admin/backups', { uploads: 'none', config: 'yes' }, cookie)
  const text = await failed.text()
  expect([failed.status, text.includes('role="alert"')]).toEqual([422, true])
  expect(text).toMatch(/<option value="none" selected/)
  expect(text).toMatch(/name="config" value="yes" checked/)
  for (const path of ['verify', 'delete'])
    expect((await post(w, `/admin/backups/${path}`, { name: '../../etc', sure: 'yes' }, cookie)).status).toBe(
      422,
    )
  expect(await (await post(w, '/admin/backups/delete', { name: 'x' }, cookie)).text()).toContain('I am sure')
})

test('work that takes long is followed while it is under way, and its failure told', async () => {
  using w = await start()
  const cookie = await signIn(w)
  const { promise, reject } = Promise.withResolvers<object>()
  const job = w.deps.jobs?.start('backup', (told) => {
    told({ label: 'copying the database', done: 1, total: 4 })
    return { result: promise, stop() {} }
  })
  const running = (await page(w, '/admin/backups', cookie)).text
  expect(running).toMatch(/<progress value="1" max="4"/)
  expect(running).toContain('25 %')
  reject(new Error('the disk <b>is full'))
  await job?.over
  expect((await page(w, '/admin/backups', cookie)).text).toContain('the disk &lt;b&gt;is full')
})

test('about: version, schema, and each package inside with its licence', async () => {
  using w = await start()
  const { text } = await page(w, '/admin/about', await signIn(w))
  for (const part of ['hono', 'zod', 'bun', 'Apache-2.0', 'MIT', 'run from its sources'])
    expect(text).toContain(part)
  expect(text).not.toContain('playwright')
})

test('a link to a new password: used once, over with its time, with another password, and for whoever is shut out', async () => {
  using w = await start()
  const cookie = await signIn(w)
  const make = async () =>
    /http:\/\/127\.0\.0\.1:5280(\/invite\/reset\/[\w-]{32})/.exec(
      await (await post(w, '/admin/users/reset', { jid: JULIET }, cookie)).text(),
    )?.[1] ?? ''
  const status = async (path: string) => (await page(w, path, {})).status
  const works = async (password: string) =>
    (await w.call('GET', '/v1/me', { as: basic(JULIET, password) })).status
  const first = await make()
  const path = await make()
  // Another one for the same account ends the one before.
  expect([await status(first), await status(path), await status('/invite/reset/x')]).toEqual([404, 200, 404])
  for (const fields of [
    { password: 'short', again: 'short' },
    { password: 'wherefore art thou', again: 'other' },
    { password: '', again: '' },
  ])
    expect((await post(w, path, fields)).status).toBe(422)
  const open = { kind: 'tcp', address: '192.0.2.1', tls: false } as const
  const fields = { password: 'wherefore art thou', again: 'wherefore art thou' }
  expect((await post(w, path, fields, {}, open)).status).toBe(403)
  const both = await Promise.all([post(w, path, fields), post(w, path, fields)])
  expect(both.map((answer) => answer.status).sort()).toEqual([200, 409])
  expect([await works('wherefore art thou'), await status(path)]).toEqual([200, 404])
  const second = await make()
  w.pass(24 * 3_600_000)
  expect(await status(second)).toBe(404)
  const again = await signIn(w)
  Object.assign(cookie, again)
  const third = await make()
  await w.call('PUT', `/v1/users/${JULIET}/password`, { as: 'operator', body: { password: 'another one' } })
  expect(await status(third)).toBe(404)
  const fourth = await make()
  await w.call('POST', `/v1/users/${JULIET}/disable`, { as: 'operator' })
  expect(await status(fourth)).toBe(404)
  for (const event of [`reset link made by ${ADMIN}, web`, 'reset link used by 127.0.0.1, invitation page'])
    expect(events(w)).toContain(event)
})
