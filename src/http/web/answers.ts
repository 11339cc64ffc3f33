/** Parts that every page of the web needs: HTML as an answer, fields of a form, the style and the bell. */
import type { HtmlEscapedString } from 'hono/utils/html'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { AccountError } from '../../accounts/accounts.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import type { Ctx } from '../context.ts'
import { type App, declare, open } from '../policy.ts'
import { HttpError } from '../problem.ts'
import script from './admin.client.js' with { type: 'text' }
import bell from './bell.svg' with { type: 'text' }
import { addLanguage } from './language.ts'
import { Whole } from './layout.tsx'
import style from './style.css' with { type: 'text' }
import { problemText } from './words.ts'

export async function html(
  c: Ctx,
  view: HtmlEscapedString | Promise<HtmlEscapedString>,
  status: ContentfulStatusCode = 200,
): Promise<Response> {
  const { simulator } = c.get('deps').world.config.push
  const text = await Whole({ simulator, page: await view })
  return c.body(`<!doctype html>${text}`, status, { 'content-type': 'text/html; charset=utf-8' })
}

/** A field of the form that was sent; empty where it is missing or a file. */
export async function field(c: Ctx, name: string): Promise<string> {
  const value = (await c.req.parseBody())[name]
  return typeof value === 'string' ? value : ''
}

/** Below each of the web's paths, so that a proxy may show one of them and hide the other. */
export function addAssets(app: App, base: '/admin' | '/invite'): void {
  addStyle(app, `${base}/style.css`)
  asset(app, `${base}/bell.svg`, 'image/svg+xml', bell)
  addLanguage(app, base)
  if (base === '/admin') addScript(app, '/admin/admin.js', script)
}

/** The style of all pages, below another path. */
export const addStyle = (app: App, path: string): void => asset(app, path, 'text/css; charset=utf-8', style)

/** A script of our own, as a file: the policy allows no other. */
export const addScript = (app: App, path: string, text: string): void =>
  asset(app, path, 'text/javascript; charset=utf-8', text)

function asset(app: App, path: string, type: string, text: string): void {
  declare('get', path, open)
  app.get(path, (c) => c.body(text, 200, { 'content-type': type, 'cache-control': 'public, max-age=3600' }))
}

/** Words for a person; anything else is a bug and goes on to the one catch. */
export function said(error: unknown): string {
  if (error instanceof HttpError) return problemText(error.code, error.message)
  if (error instanceof AccountError) return problemText(error.fault, error.text ?? error.condition)
  if (error instanceof StanzaError) return problemText(error.condition, error.text ?? error.condition)
  throw error
}

/** Fields of a form's query without those that were left empty, and without what only a page itself understands. */
export const filled = (query: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(query).filter(([name, value]) => value !== '' && name !== 'trail' && name !== 'done'),
  )
