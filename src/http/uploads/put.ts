/** PUT of a file to its slot (XEP-0363 §7): streamed to the disk, on it before the answer. */
import { codeOf, getLogger } from '../../log.ts'
import { type UploadResult, uploads } from '../../metrics/metrics.ts'
import type { Upload } from '../../store/uploads.ts'
import { excessOf, underWayOf } from '../../uploads/quota.ts'
import { type Incoming, StorageError } from '../../uploads/storage.ts'
import { storageOf } from '../../uploads/storage-of.ts'
import { essenceOf, isGeneric, readType, UNKNOWN_TYPE } from '../../uploads/types.ts'
import { piecesOf } from '../body.ts'
import type { Ctx } from '../context.ts'
import type { ProblemCode } from '../problem-codes.ts'
import { HttpError } from '../problem.ts'
import { toldOf } from './trouble.ts'

const log = getLogger('uploads')

/** Seconds that our own disk may take for what the client has sent; meanwhile the connection is idle. */
const SLOW_DISK = 255
/** A disk without room, a quota on it, a limit on the size of files. */
const FULL: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** A refusal, and what it counts as. What was not read is not waited for: the connection goes. */
class Refusal extends HttpError {
  constructor(
    readonly result: UploadResult,
    status: 400 | 404 | 409 | 410 | 413 | 415 | 502 | 503 | 507,
    code: ProblemCode,
    detail: string,
  ) {
    super(status, code, detail, { headers: { connection: 'close' } })
  }
}

const noRoom = (detail: string): Refusal => new Refusal('full', 507, 'no-room', detail)

export async function putFile(c: Ctx, key: string): Promise<void> {
  try {
    await take(c, key)
    uploads.labels('stored').inc()
  } catch (error) {
    uploads.labels(resultOf(c, error)).inc()
    throw error
  }
}

function resultOf(c: Ctx, error: unknown): UploadResult {
  if (error instanceof Refusal) return error.result
  return c.req.raw.signal.aborted ? 'aborted' : 'error'
}

async function take(c: Ctx, key: string): Promise<void> {
  const { world } = c.get('deps')
  const upload = slotAt(c, key)
  const type = typeOf(c, upload)
  checkLength(c, upload.size)
  const excess = excessOf(world, upload)
  if (excess)
    throw noRoom(
      excess === 'account' ? 'Your files take all their room.' : 'There is no room for files here.',
    )
  const moving = underWayOf(world)
  moving.begin(upload)
  // Of a body that nobody reads yet the runtime takes in a megabyte.
  const pieces = begun(piecesOf(c.req.raw))
  try {
    await checkDisk(c)
    await keep(c, upload, type, pieces)
  } finally {
    moving.end(upload)
  }
}

/** The slot is looked at when the upload begins: a slow network may take longer than it lives. */
function slotAt(c: Ctx, key: string): Upload {
  const { world } = c.get('deps')
  const { config, store } = world
  const upload = store.uploads.byKey(key)
  if (!upload) throw new Refusal('unknown', 404, 'not-found', 'There is no such slot.')
  if (upload.storedAt !== null || underWayOf(world).has(upload.file))
    throw new Refusal('again', 409, 'conflict', 'The file is there already.')
  if (world.now() >= Math.min(upload.madeAt + config.upload.slot_life, upload.endsAt ?? Infinity))
    throw new Refusal('late', 410, 'slot-over', 'It is too late for this slot; ask for another one.')
  return upload
}

function typeOf(c: Ctx, upload: Upload): string {
  const said = readType(c.req.header('content-type'))
  if (upload.type === null) return said !== undefined && !isGeneric(said) ? said : UNKNOWN_TYPE
  // Many libraries name a type where their caller has named none.
  if (said === undefined || isGeneric(said) || essenceOf(said) === essenceOf(upload.type)) return upload.type
  throw new Refusal('mismatch', 415, 'other-type', `The slot is for a file of the type ${upload.type}.`)
}

function checkLength(c: Ctx, size: number): void {
  const encoding = c.req.header('content-encoding')
  if (encoding !== undefined && encoding !== 'identity')
    throw new Refusal('mismatch', 415, 'encoded-body', 'Send the file without Content-Encoding.')
  const length = c.req.header('content-length')
  if (length !== undefined && Number(length) !== size) throw otherSize(size)
}

const otherSize = (size: number): Refusal =>
  new Refusal('mismatch', 413, 'other-size', `The slot is for a file of ${size} bytes.`)

/** The database is on this disk, and must be able to go on. */
async function checkDisk(c: Ctx): Promise<void> {
  const { world } = c.get('deps')
  const { upload } = world.config
  if (!Number.isFinite(upload.free_bytes)) return
  const left = (await storageOf(world).free()) - underWayOf(world).bytes()
  if (left < upload.free_bytes) throw noRoom('The disk of the server is full.')
}

async function keep(c: Ctx, upload: Upload, type: string, pieces: Pieces): Promise<void> {
  const { world, router } = c.get('deps')
  const storage = storageOf(world)
  let partial: Incoming | undefined
  try {
    partial = await storage.create(upload.file, upload.size)
    await receive(pieces, partial, upload.size)
    c.env.door?.patience(SLOW_DISK)
    await partial.keep()
    c.env.door?.patience(idleSeconds(world.config.limits.http_idle_timeout))
    const stored = await router.run((t) => t.store.uploads.store(upload, type, t.now))
    if (!stored) throw new Refusal('late', 410, 'slot-over', 'The slot is no more.')
  } catch (error) {
    await (partial?.discard() ?? storage.remove(upload.file)).catch((left: unknown) =>
      log.warn('what is left of an upload could not be removed', { file: upload.file, error: left }),
    )
    if (FULL.has(codeOf(error))) {
      log.error('a file was refused: the disk is full', { bytes: upload.size, error })
      throw noRoom('The disk of the server is full.')
    }
    if (!(error instanceof StorageError)) throw error
    const { status, code, detail } = toldOf(error, upload.file)
    throw new Refusal(error.trouble === 'full' ? 'full' : 'error', status, code, detail)
  }
}

type Pieces = AsyncIterable<Uint8Array>

/** The same pieces, the first of which is asked for at once. */
function begun(pieces: AsyncGenerator<Uint8Array, undefined>): Pieces {
  const first = pieces.next()
  // A failure is told to whoever awaits the promise; a refusal before that need not wait for it.
  first.catch(() => undefined)
  return (async function* () {
    const { done, value } = await first
    if (done) return
    yield value
    yield* pieces
  })()
}

/** 0 is for ever. */
const idleSeconds = (ms: number): number => (Number.isFinite(ms) ? Math.ceil(ms / 1000) : 0)

/** One piece at a time: the next is read once this one is written, so that memory holds no more of it. */
async function receive(pieces: Pieces, partial: Incoming, size: number): Promise<void> {
  for await (const chunk of pieces) {
    if (partial.written + chunk.byteLength > size) throw otherSize(size)
    await partial.write(chunk)
  }
  if (partial.written === size) return
  throw new Refusal('mismatch', 400, 'too-short', `The slot is for a file of ${size} bytes.`)
}
