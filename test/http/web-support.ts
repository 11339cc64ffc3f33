/** A browser at the web admin. */
import { expect } from 'bun:test'
import { ADMIN, type Call, type HttpWorld, LOOPBACK, PASSWORD } from './support.ts'

export const FORM = { 'content-type': 'application/x-www-form-urlencoded', origin: 'http://127.0.0.1:5280' }

/** Sends a form. */
export const post = (
  w: HttpWorld,
  path: string,
  fields: Record<string, string>,
  headers = {},
  peer: Call['peer'] = LOOPBACK,
) =>
  w.call('POST', path, {
    raw: new URLSearchParams(fields).toString(),
    headers: { ...FORM, ...headers },
    peer,
  })

/** Cookie of the administrator. */
export async function signIn(w: HttpWorld): Promise<{ cookie: string }> {
  const answer = await post(w, '/admin/login', { jid: ADMIN, password: PASSWORD })
  expect([answer.status, answer.headers.get('location')]).toEqual([303, '/admin/'])
  return { cookie: answer.headers.get('set-cookie')?.split(';')[0] ?? '' }
}

export async function page(w: HttpWorld, path: string, headers: Record<string, string>) {
  const answer = await w.call('GET', path, { headers })
  const csp = answer.headers.get('content-security-policy')
  return { status: answer.status, text: await answer.text(), csp }
}
