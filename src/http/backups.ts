/** /v1/backups and /v1/db: copies of the data and the database itself; /v1/jobs tells how far such work is. */
import { resolveFiles } from '../config/files.ts'
import type { Config } from '../config/config.ts'
import { freeBallast } from '../ops/ballast.ts'
import type { Backups } from '../ops/backups.ts'
import { databaseFile } from '../ops/data-dir.ts'
import { type Job, JobRunning, type Jobs } from '../ops/jobs.ts'
import { LONGEST_PASSPHRASE, SHORTEST_PASSPHRASE } from '../ops/passphrase.ts'
import { NAME, UPLOAD_MODES, type UploadMode } from '../store/backup/manifest.ts'
import { carryOut } from '../store/maintenance.ts'
import { OutsideError } from '../log.ts'
import type { HttpDeps } from './deps.ts'
import { idParam, keyHeader } from './fields.ts'
import { type App, route, scope } from './policy.ts'
import { HttpError } from './problem.ts'
import { body, iso, json, z } from './schemas.ts'

const entrySchema = z
  .object({
    name: z.string().openapi({ example: 'belfry-20261130T150000Z' }),
    created: z.string().openapi({ description: 'What was acknowledged before is in it.' }),
    version: z.string(),
    schema: z.number().int(),
    hosts: z.array(z.string()),
    data_dir: z.string(),
    uploads: z.enum(UPLOAD_MODES),
    config: z.boolean().openapi({ description: 'With the configuration and the files that it names.' }),
    encrypted: z.boolean().openapi({ description: 'By a passphrase; its one file is one of age.' }),
    bytes: z.number().int().openapi({ description: 'Files that are links included.' }),
    files: z.number().int(),
  })
  .openapi('Backup')

const jobSchema = z
  .object({
    id: z.number().int(),
    kind: z.string().openapi({ example: 'backup' }),
    state: z.enum(['running', 'done', 'failed']),
    started: z.string(),
    ended: z.string().nullable(),
    label: z.string().openapi({ description: 'The part that is being done.' }),
    done: z.number().openapi({ description: 'Of that part; bytes, but for files that are links.' }),
    total: z.number().openapi({ description: '0: not known yet.' }),
    result: z.record(z.string(), z.unknown()).nullable(),
    error: z.string().nullable(),
  })
  .openapi('Job', {
    description: 'Work that takes long. The last ones are remembered until the server ends.',
  })

export const jobView = ({ id, kind, state, started, ended, step, result, error }: Job) => ({
  ...{ id, kind, state, started: new Date(started).toISOString(), ended: iso(ended ?? null) },
  ...step,
  // A list of every file is for the manifest.
  result: result ? { ...result, ...('files' in result ? { files: undefined } : {}) } : null,
  error: error ?? null,
})

const nameParam = z.strictObject({
  name: z
    .string()
    .max(40)
    .regex(NAME, { error: 'not the name of a backup' })
    .openapi({ param: { name: 'name', in: 'path' } }),
})

const passphrase = z
  .string()
  .min(SHORTEST_PASSPHRASE)
  .max(LONGEST_PASSPHRASE)
  .optional()
  .openapi({ example: 'seven words of a poem that nobody knows' })

export const partsOf = ({ backups, jobs }: HttpDeps): { backups: Backups; jobs: Jobs } => {
  if (backups && jobs) return { backups, jobs }
  throw new HttpError(503, 'server-needed', 'There is no data on disk.')
}

/** Starts it, or says why not. */
function started(start: () => Job) {
  try {
    return jobView(start())
  } catch (error) {
    if (error instanceof JobRunning) throw new HttpError(409, 'job-running', error.message)
    if (error instanceof OutsideError) throw new HttpError(503, 'not-possible', error.message)
    throw error
  }
}

/** @throws HttpError */
export function startBackup(
  deps: HttpDeps,
  {
    uploads,
    config,
    passphrase,
  }: {
    readonly uploads?: UploadMode | undefined
    readonly config: boolean
    readonly passphrase?: string | undefined
  },
) {
  const { backups } = partsOf(deps)
  const files = config ? operatorsFiles(deps.world.config) : []
  return started(() => backups.create({ uploads, config: files, passphrase }))
}

/** @throws HttpError */
export function startVerification(deps: HttpDeps, name: string, passphrase?: string) {
  const { backups } = partsOf(deps)
  if (!backups.has(name)) throw noSuchBackup()
  return started(() => backups.verify(name, passphrase))
}

/** @throws HttpError */
export async function deleteBackup(deps: HttpDeps, name: string): Promise<void> {
  if (!(await partsOf(deps).backups.delete(name))) throw noSuchBackup()
}

export function addBackups(app: App): void {
  app.openapi(
    route(scope('backups:read'), {
      method: 'get',
      path: '/v1/backups',
      operationId: 'listBackups',
      summary: 'List whole backups, the newest first',
      responses: {
        200: json(
          'All of them',
          z.object({ directory: z.string(), items: z.array(entrySchema), running: jobSchema.nullable() }),
        ),
      },
    }),
    (c) => {
      const { backups, jobs } = partsOf(c.var.deps)
      const { running } = jobs
      const items = backups.list().map((entry) => {
        return { ...entry, hosts: [...entry.hosts], encrypted: entry.encrypted === true }
      })
      return c.json({ directory: backups.directory, items, running: running ? jobView(running) : null }, 200)
    },
  )
  app.openapi(
    route(scope('backups:write'), {
      method: 'post',
      path: '/v1/backups',
      operationId: 'createBackup',
      summary: 'Make a backup, while the server runs',
      request: {
        headers: keyHeader,
        body: body(
          z.strictObject({
            uploads: z.enum(UPLOAD_MODES).optional().openapi({ description: 'By default [backup] uploads.' }),
            config: z
              .boolean()
              .default(false)
              .openapi({ description: 'With the configuration and the keys that it names.' }),
            passphrase: passphrase.openapi({
              description:
                'Encrypts it. By default that of [backup] passphrase_file; without either it is not encrypted.',
            }),
          }),
        ),
      },
      responses: { 202: json('It is under way', jobSchema) },
    }),
    async (c) => {
      const { deps } = c.var
      const job = startBackup(deps, c.req.valid('json'))
      await deps.router.run((t) => deps.keep?.(t, 202, job))
      return c.json(job, 202)
    },
  )
  app.openapi(
    route(scope('backups:write'), {
      method: 'post',
      path: '/v1/backups/{name}/verify',
      operationId: 'verifyBackup',
      summary: 'Compare every checksum of a backup and open its database',
      request: {
        params: nameParam,
        body: {
          ...body(
            z.strictObject({
              passphrase: passphrase.openapi({
                description:
                  'Opens an encrypted one. By default that of [backup] passphrase_file; without either its checksum alone is compared.',
              }),
            }),
          ),
          required: false,
        },
      },
      responses: { 202: json('It is under way', jobSchema) },
    }),
    (c) => {
      const { passphrase } = c.req.header('content-type') === undefined ? {} : c.req.valid('json')
      return c.json(startVerification(c.var.deps, c.req.valid('param').name, passphrase), 202)
    },
  )
  app.openapi(
    route(scope('backups:write'), {
      method: 'delete',
      path: '/v1/backups/{name}',
      operationId: 'deleteBackup',
      summary: 'Remove a backup',
      request: { params: nameParam },
      responses: { 204: { description: 'Done' } },
    }),
    async (c) => {
      await deleteBackup(c.var.deps, c.req.valid('param').name)
      return c.body(null, 204)
    },
  )
  addDatabase(app)
}

const noSuchBackup = (): HttpError => new HttpError(404, 'no-such-backup', 'There is no such backup.')

/** The configuration, and the keys and certificates that it names. */
function operatorsFiles(config: Config): string[] {
  const { source, ...values } = config
  const named = resolveFiles(structuredClone(values), '/').map(({ file }) => file)
  const files = new Set([...(source.file === undefined ? [] : [source.file]), ...named])
  // The passphrase is with whoever opens the backup; in a plain one nobody is to find it.
  if (config.backup.passphrase_file !== undefined) files.delete(config.backup.passphrase_file)
  return [...files]
}

function addDatabase(app: App): void {
  app.openapi(
    route(scope('backups:write'), {
      method: 'post',
      path: '/v1/db/check',
      operationId: 'checkDatabase',
      summary: 'Look whether the database is sound',
      request: {
        body: body(
          z.strictObject({
            full: z
              .boolean()
              .default(false)
              .openapi({ description: 'Compare indexes with their tables too, which takes longer.' }),
          }),
        ),
      },
      responses: { 202: json('It is under way', jobSchema) },
    }),
    (c) => {
      const { full } = c.req.valid('json')
      const { jobs } = partsOf(c.var.deps)
      const file = databaseFile(c.var.deps.world.config.data_dir)
      return c.json(
        started(() => jobs.start('check', (told) => carryOut({ kind: 'check', file, full }, told))),
        202,
      )
    },
  )
  app.openapi(
    route(scope('backups:write'), {
      method: 'post',
      path: '/v1/db/vacuum',
      operationId: 'vacuumDatabase',
      summary: 'Give free pages back to the disk; writing waits meanwhile',
      responses: { 202: json('It is under way', jobSchema) },
    }),
    (c) => {
      const { jobs } = partsOf(c.var.deps)
      const { world, router } = c.var.deps
      const file = databaseFile(world.config.data_dir)
      return c.json(
        started(() =>
          jobs.start(
            'vacuum',
            (told) => carryOut({ kind: 'vacuum', file }, told),
            (facts) => router.run((t) => t.store.audit.note('database vacuumed', { ...facts })),
          ),
        ),
        202,
      )
    },
  )
  app.openapi(
    route(scope('backups:write'), {
      method: 'delete',
      path: '/v1/db/ballast',
      operationId: 'freeBallast',
      summary: 'Give the ballast up, so that there is room to delete something; it comes back by itself',
      responses: { 200: json('What that gave', z.object({ bytes: z.number().int() })) },
    }),
    async (c) => {
      const { world, router } = c.var.deps
      const bytes = freeBallast(world.config.data_dir)
      if (bytes > 0) await router.run((t) => t.store.audit.note('ballast given up', { bytes }))
      return c.json({ bytes }, 200)
    },
  )
  app.openapi(
    route(scope('backups:read'), {
      method: 'get',
      path: '/v1/jobs/{id}',
      operationId: 'getJob',
      summary: 'How far work is that takes long',
      request: { params: idParam },
      responses: { 200: json('The job', jobSchema) },
    }),
    (c) => {
      const job = c.var.deps.jobs?.find(c.req.valid('param').id)
      if (!job) throw new HttpError(404, 'no-such-job', 'There is no such job, or not any more.')
      return c.json(jobView(job), 200)
    },
  )
}
