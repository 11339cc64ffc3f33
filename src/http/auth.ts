/** The one who asks: the Unix socket, a bearer token, or an account by HTTP Basic or a token of its own. */
import { admit } from '../accounts/login.ts'
import type { Account } from '../store/accounts.ts'
import { countLogin } from '../metrics/metrics.ts'
import { BusyError } from '../xmpp/errors.ts'
import { Jid } from '../xmpp/jid.ts'
import type { Ctx, Principal } from './context.ts'
import type { HttpDeps } from './deps.ts'
import { HttpError } from './problem.ts'

/** Decides whom the request speaks for; throws where credentials were given and are wrong. */
export async function authenticate(c: Ctx): Promise<Principal> {
  const header = c.req.header('authorization')
  if (header === undefined) return c.env.peer.kind === 'socket' ? { kind: 'operator' } : { kind: 'guest' }
  if (!c.get('secure')) {
    throw new HttpError(
      403,
      'insecure-transport',
      'Credentials are taken over TLS or from this machine only.',
    )
  }
  // RFC 9110 §11.1: the scheme's case does not matter, the rest is exact.
  const [, scheme = '', value = ''] = /^([A-Za-z]+) +(\S+) *$/.exec(header) ?? []
  if (/^bearer$/i.test(scheme)) return byToken(c, value)
  if (/^basic$/i.test(scheme)) return byPassword(c, value)
  throw refused()
}

const refused = (): HttpError => new HttpError(401, 'not-authorized', 'These credentials are not valid.')

async function byToken(c: Ctx, secret: string): Promise<Principal> {
  const { world, router } = c.get('deps')
  const { tokens } = world.store
  const found = tokens.find(secret, world.now())
  if (!found) throw refused()
  const { token, owner } = found
  if (tokens.needsUseNoted(token, world.now())) {
    // A full disk must not shut the operator out, so a note that fails is only a note less.
    await router.run((t) => t.store.tokens.noteUse(token, t.now)).catch(() => undefined)
  }
  if (owner === null) return { kind: 'token', id: token.id, name: token.name, scopes: token.scopes }
  const account = world.store.accounts.find(owner)
  if (!account || account.disabled) throw refused()
  return { kind: 'account', jid: account.jid, proof: 'token' }
}

async function byPassword(c: Ctx, value: string): Promise<Principal> {
  const text = Buffer.from(value, 'base64').toString()
  const colon = text.indexOf(':')
  if (colon < 0) throw refused()
  const account = await checkPassword(c.get('deps'), text.slice(0, colon), text.slice(colon + 1), c.get('ip'))
  return { kind: 'account', jid: account.jid, proof: 'password' }
}

/** The account of these credentials. Wrong name, wrong password and a disabled account look and last the same. */
export async function checkPassword(
  deps: HttpDeps,
  name: string,
  password: string,
  ip: string,
): Promise<Account> {
  const { logins } = deps
  const jid = bareOrNothing(name)
  const key = jid?.bare ?? 'invalid'
  await holdBack(deps, key, ip)
  const account = await provedBy(deps, jid, password, logins.isSuspect(ip, key)).catch((error: unknown) => {
    countLogin('http', error instanceof BusyError ? 'busy' : 'error')
    throw error
  })
  if (account?.disabled === false) {
    logins.succeeded(ip, key)
    countLogin('http', 'ok')
    return account
  }
  logins.failed(ip, key)
  countLogin('http', account ? 'disabled' : 'failed')
  throw refused()
}

async function provedBy(
  { world, router }: HttpDeps,
  jid: Jid | undefined,
  password: string,
  isSuspect: boolean,
): Promise<Account | undefined> {
  if (!jid || !(await world.auth.verify(jid, password, isSuspect))) return undefined
  return admit(world, router, jid)
}

/** A secret that is no account's: wrong ones are failed logins of `name`, so that guessing is delayed and banned. */
export async function checkSecret(
  deps: HttpDeps,
  name: string,
  ip: string,
  isRight: () => boolean,
): Promise<boolean> {
  await holdBack(deps, name, ip)
  if (isRight()) return true
  deps.logins.failed(ip, name)
  return false
}

/** Answers that are being delayed; more of them would let a guesser fill the memory with waiting requests. */
const DELAYED = 256
const DAY = 86_400_000
let delayed = 0

async function holdBack({ logins, clock }: HttpDeps, account: string, ip: string): Promise<void> {
  const ban = logins.banLeft(ip, account)
  if (ban > 0) throw limited(ban)
  const delay = logins.delay(ip, account)
  if (delay === 0) return
  if (delayed >= DELAYED) throw limited(delay)
  delayed++
  await new Promise<void>((resolve) => clock.after(delay, resolve))
  delayed--
}

function limited(ms: number): HttpError {
  countLogin('http', 'limited')
  // A ban may be for ever.
  const seconds = Math.ceil(Math.min(ms, DAY) / 1000)
  return new HttpError(429, 'too-many-failures', 'Too many failed logins; try again later.', {
    headers: { 'retry-after': String(seconds) },
  })
}

function bareOrNothing(name: string): Jid | undefined {
  const jid = Jid.tryParse(name)
  return jid?.isBare && jid.local !== '' ? jid : undefined
}
