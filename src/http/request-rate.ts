/** Requests per address and minute; the Unix socket is exempt. */
import type { MiddlewareHandler } from 'hono'
import { BoundedMap } from '../bounded-map.ts'
import * as metrics from '../metrics/metrics.ts'
import { networkOf } from '../net/address.ts'
import type { AppEnv } from './context.ts'
import { isFile, isStream } from './policy.ts'
import { HttpError } from './problem.ts'

const MINUTE = 60_000
/** Addresses counted at once; the one that asked last longest ago is forgotten, which errs on the side of answering. */
const ADDRESSES = 50_000

export function requestRate(perMinute: number, now: () => number): MiddlewareHandler<AppEnv> {
  let window = 0
  const seen = new BoundedMap<string, number>(ADDRESSES)
  return async (c, next) => {
    const ip = c.get('ip')
    // A stream has rates of its own, and a client by BOSH asks often; a player asks for many pieces of a file.
    if (ip === 'socket' || perMinute === Infinity || isStream(c) || isFile(c)) return next()
    const current = Math.floor(now() / MINUTE)
    if (current !== window) {
      window = current
      seen.clear()
    }
    const key = networkOf(ip)
    const count = (seen.get(key) ?? 0) + 1
    seen.set(key, count)
    if (count > perMinute) {
      metrics.limitsHit.labels('http_requests_per_ip').inc()
      const wait = Math.ceil(((current + 1) * MINUTE - now()) / 1000)
      throw new HttpError(429, 'too-many-requests', `Too many requests; try again in ${wait} s.`, {
        headers: { 'retry-after': String(wait) },
      })
    }
    await next()
  }
}
