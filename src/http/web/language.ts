/** The language of a page: what the reader has chosen, else what the browser asks for. */
import type { MiddlewareHandler } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import type { AppEnv, Ctx } from '../context.ts'
import { isOwn } from '../origins.ts'
import { type App, declare, open, policyOf } from '../policy.ts'
import { inLanguage, isLanguage, type Language, preferred } from './words.ts'

const COOKIE = 'belfry-language'
/** Seconds for which a choice holds: a year, about as long as browsers keep it. */
const KEPT = 365 * 86_400

export function languageOf(c: Ctx): Language {
  const chosen = getCookie(c, COOKIE)
  return isLanguage(chosen) ? chosen : preferred(c.req.header('accept-language'))
}

/** Requests to pages are answered in the language of their reader. */
export const speaks: MiddlewareHandler<AppEnv> = (c, next) =>
  /^\/(admin|invite)\//.test(c.req.path) ? inLanguage(languageOf(c), next) : next()

/** A link and no form: nothing but the words of a page depends on it. It leads back to where it stood. */
export function addLanguage(app: App, base: '/admin' | '/invite'): void {
  declare('get', `${base}/language`, open)
  app.get(`${base}/language`, (c) => {
    const to = c.req.query('to')
    if (isLanguage(to))
      setCookie(c, COOKIE, to, {
        ...{ path: '/', httpOnly: true, sameSite: 'Lax', maxAge: KEPT },
        secure: c.get('https'),
      })
    return c.redirect(cameFrom(c) ?? `${base}/`, 303)
  })
}

/** The page with the link. What a form has led to cannot be asked for again: its section can. */
function cameFrom(c: Ctx): string | undefined {
  const referrer = c.req.header('referer') ?? ''
  if (!URL.canParse(referrer)) return undefined
  const { origin, pathname, search } = new URL(referrer)
  if (!isOwn(c, origin)) return undefined
  if (/^\/invite\/\w/.test(pathname) || policyOf('GET', pathname)) return pathname + search
  const section = pathname.split('/').slice(0, 3).join('/')
  return policyOf('GET', section) ? section : undefined
}
