/** The time that a request's body may take (test/cases.md, 90): a body that trickles must not hold a connection. */
import type { Ctx } from './context.ts'
import { HttpError } from './problem.ts'

/** Reads by `read`, which settles with the last byte. @throws HttpError 408 where that takes too long. */
export async function inTime<T>(c: Ctx, read: () => Promise<T>): Promise<T> {
  const { clock, world } = c.get('deps')
  const { promise: late, reject } = Promise.withResolvers<never>()
  const cancel = clock.after(world.config.limits.http_body_timeout, () =>
    // What is still under way has no end that we could wait for, so the connection goes too.
    reject(new HttpError(408, 'too-slow', 'The body took too long.', { headers: { connection: 'close' } })),
  )
  try {
    return await Promise.race([read(), late])
  } finally {
    cancel()
  }
}
