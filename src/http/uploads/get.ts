/** GET and HEAD of a file. */
import { getLogger } from '../../log.ts'
import type { Upload } from '../../store/uploads.ts'
import { endOf } from '../../uploads/quota.ts'
import { storageOf } from '../../uploads/storage-of.ts'
import { isInline, UNKNOWN_TYPE } from '../../uploads/types.ts'
import type { Ctx } from '../context.ts'
import { HttpError, notFound } from '../problem.ts'
import { type Content, type Part, StorageError } from '../../uploads/storage.ts'
import { disposition } from './headers.ts'
import { matchesTag, readRange } from './range.ts'
import { toldOf } from './trouble.ts'

const log = getLogger('uploads')
const YEAR_S = 31_536_000

export async function getFile(c: Ctx, id: string): Promise<Response> {
  const { world } = c.get('deps')
  const { config, store } = world
  const upload = store.uploads.byFile(id)
  if (!upload || upload.storedAt === null || endOf(config, upload) <= world.now()) throw notFound()
  return answer(c, upload, endOf(config, upload) - world.now())
}

async function answer(c: Ctx, { file, name, size, type }: Upload, msLeft: number): Promise<Response> {
  // Content at an address never changes.
  const etag = `"${file}"`
  const shown = type ?? UNKNOWN_TYPE
  const headers: Record<string, string> = {
    'content-type': shown,
    'content-disposition': disposition(isInline(shown) ? 'inline' : 'attachment', name),
    'accept-ranges': 'bytes',
    etag,
    'cache-control': `private, max-age=${Math.min(YEAR_S, Math.floor(msLeft / 1000))}, immutable`,
  }
  if (matchesTag(c.req.header('if-none-match'), etag)) return new Response(null, { status: 304, headers })
  const part = partOf(c, etag, size)
  if (part === 'none')
    throw new HttpError(416, 'no-such-part', `The file has ${size} bytes.`, {
      headers: { 'content-range': `bytes */${size}`, 'accept-ranges': 'bytes' },
    })
  const { start, end } = part ?? { start: 0, end: size }
  headers['content-length'] = String(end - start)
  if (part) headers['content-range'] = `bytes ${start}-${end - 1}/${size}`
  return new Response(await contentOf(c, file, part), { status: part ? 206 : 200, headers })
}

/** Content of the answer, null for HEAD. @throws HttpError where the file is not there. */
async function contentOf(c: Ctx, file: string, part: Part | undefined): Promise<Content | null> {
  const storage = storageOf(c.get('deps').world)
  let found: Content | null | undefined
  try {
    if (c.req.method === 'HEAD') found = (await storage.has(file)) ? null : undefined
    else found = await storage.read(file, part)
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    const { status, code, detail } = toldOf(error, file)
    throw new HttpError(status, code, detail)
  }
  if (found !== undefined) return found
  log.error('a file is missing', { file })
  throw notFound()
}

/** RFC 9110 §14.2: of GET alone, and only of the file that If-Range names. */
function partOf(c: Ctx, etag: string, size: number): ReturnType<typeof readRange> {
  const condition = c.req.header('if-range')
  if (c.req.method !== 'GET' || (condition !== undefined && condition.trim() !== etag)) return undefined
  return readRange(c.req.header('range'), size)
}
