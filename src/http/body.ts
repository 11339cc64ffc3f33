/** Reading of a request's body, within the time (test/cases.md, 90) and the bytes that it may have. */
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

/** The whole body; undefined as soon as there is more than `most` bytes of it, announced or not. */
export async function readAtMost(request: Request, most: number): Promise<Uint8Array | undefined> {
  if (Number(request.headers.get('content-length') ?? 0) > most) return undefined
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of piecesOf(request)) {
    bytes += chunk.byteLength
    if (bytes > most) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The body as it comes in; a piece that is not asked for waits with the client. */
export async function* piecesOf(request: Request): AsyncGenerator<Uint8Array, undefined> {
  const body: ReadableStream<Uint8Array> | null = request.body
  if (body) yield* body
}
