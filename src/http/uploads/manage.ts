/** /v1/uploads: the operator's view of files that people send. */
import type { OwnedUpload, UploadFilter } from '../../store/uploads.ts'
import { endOf } from '../../uploads/quota.ts'
import { removeUploads } from '../../uploads/remove.ts'
import { storageOf } from '../../uploads/storage-of.ts'
import { accountOf } from '../accounts.ts'
import type { HttpDeps } from '../deps.ts'
import { idCursor, idParam, jidSchema, whole } from '../fields.ts'
import { type App, route, scope } from '../policy.ts'
import { HttpError } from '../problem.ts'
import { iso, json, z } from '../schemas.ts'

/** Files that one trip removes. */
const BATCH = 500
const LONGEST_AGE = 3650 * 24 * 3600

const uploadSchema = z
  .object({
    id: z.number().int(),
    owner: z.string(),
    name: z.string(),
    type: z.string().nullable(),
    size: z.number().int(),
    purpose: z.string(),
    stored: z.string().nullable(),
    expires: z.string().nullable().openapi({ description: 'null: never.' }),
  })
  .openapi('Upload', { description: 'Without its address: whoever has that has the file.' })

const view = ({ world: { config } }: HttpDeps, upload: OwnedUpload) => {
  const { id, owner, name, type, size, purpose, storedAt } = upload
  const end = endOf(config, upload)
  return {
    id,
    owner,
    name,
    type,
    size,
    purpose,
    stored: iso(storedAt),
    expires: Number.isFinite(end) ? iso(end) : null,
  }
}

export const listQuery = z.strictObject({
  account: jidSchema.optional(),
  cursor: idCursor.optional(),
  limit: whole(1, 500).default(50),
})

const purgeQuery = z.strictObject({
  account: jidSchema.optional(),
  older_than: whole(0, LONGEST_AGE).optional().openapi({ description: 'Seconds since it was stored.' }),
})

export function addUploads(app: App): void {
  app.openapi(
    route(scope('users:read'), {
      method: 'get',
      path: '/v1/uploads',
      operationId: 'listUploads',
      summary: 'List stored files, the oldest first',
      request: { query: listQuery },
      responses: {
        200: json(
          'A page',
          z.object({
            items: z.array(uploadSchema),
            next: z.string().nullable(),
            total_bytes: z.number().int().openapi({ description: 'Of all files of all accounts.' }),
          }),
        ),
      },
    }),
    (c) => c.json(listFiles(c.var.deps, c.req.valid('query')), 200),
  )
  app.openapi(
    route(scope('users:write'), {
      method: 'delete',
      path: '/v1/uploads/{id}',
      operationId: 'deleteUpload',
      summary: 'Remove a file',
      request: { params: idParam },
      responses: { 204: { description: 'Done' } },
    }),
    async (c) => {
      await removeFile(c.var.deps, c.req.valid('param').id)
      return c.body(null, 204)
    },
  )
  app.openapi(
    route(scope('users:write'), {
      method: 'delete',
      path: '/v1/uploads',
      operationId: 'purgeUploads',
      summary: 'Remove files of an account, or of an age, or both',
      request: { query: purgeQuery },
      responses: {
        200: json('What went', z.object({ files: z.number().int(), bytes: z.number().int() })),
      },
    }),
    async (c) => c.json(await purge(c.var.deps, c.req.valid('query')), 200),
  )
}

/** A page of stored files, the oldest first, behind the id `cursor`. @throws HttpError */
export function listFiles(
  deps: HttpDeps,
  { account, cursor, limit }: { account?: string | undefined; cursor?: string | undefined; limit: number },
) {
  const { uploads } = deps.world.store
  const found = uploads.page(Number(cursor ?? 0), limit + 1, filterOf(deps, { account }))
  const items = found.slice(0, limit)
  const next = found.length > limit ? String(items.at(-1)?.id) : null
  return { items: items.map((one) => view(deps, one)), next, total_bytes: uploads.total() }
}

/** @throws HttpError where there is none */
export async function removeFile(deps: HttpDeps, id: number): Promise<void> {
  const { files } = await remove(deps, id - 1, 1, { only: id })
  if (files === 0) throw new HttpError(404, 'no-such-file', 'There is no such file.')
}

interface Choice {
  readonly account?: string | undefined
  /** Seconds. */
  readonly older_than?: number | undefined
}

interface Removed {
  readonly files: number
  readonly bytes: number
}

function filterOf(deps: HttpDeps, { account, older_than }: Choice): UploadFilter {
  return {
    accountId: account === undefined ? undefined : accountOf(deps, account).id,
    before: older_than === undefined ? undefined : deps.world.now() - older_than * 1000,
  }
}

export async function purge(deps: HttpDeps, choice: Choice): Promise<Removed> {
  const { account, older_than } = choice
  if (account === undefined && older_than === undefined)
    throw new HttpError(422, 'invalid', 'Name an account or an age: all files are not removed at once.')
  const filter = filterOf(deps, choice)
  const all = { files: 0, bytes: 0 }
  for (;;) {
    const { files, bytes } = await remove(deps, 0, BATCH, filter)
    all.files += files
    all.bytes += bytes
    if (files < BATCH) return all
  }
}

/** Up to `limit` files behind the row `after`, in one trip; `only` that row. */
function remove(
  { world, router }: HttpDeps,
  after: number,
  limit: number,
  filter: UploadFilter & { readonly only?: number },
): Promise<Removed> {
  return router.run((t) => {
    const found = t.store.uploads.page(after, limit, filter)
    const rows = filter.only === undefined ? found : found.filter(({ id }) => id === filter.only)
    removeUploads(t, storageOf(world), rows)
    const removed = { files: rows.length, bytes: rows.reduce((sum, { size }) => sum + size, 0) }
    const owners = [...new Set(rows.map(({ owner }) => owner))]
    if (rows.length > 0)
      t.store.audit.note('files removed', {
        of: owners.length === 1 ? owners[0] : `${owners.length} accounts`,
        ...removed,
      })
    return removed
  })
}
