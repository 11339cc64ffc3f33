/** /v1/certificates: those in force, and one fetched now. */
import { NotFetched, TooEarly } from '../ops/acme/renewal.ts'
import { OutsideError } from '../log.ts'
import type { CertificateDoor, HttpDeps } from './deps.ts'
import { hostSchema, text } from './fields.ts'
import { type App, file, route, scope } from './policy.ts'
import { HttpError, notFound } from './problem.ts'
import { body, json, z } from './schemas.ts'

const time = z.string().nullable().openapi({ format: 'date-time' })
const certificate = z
  .object({
    name: z.string().openapi({ description: 'The host, or "default" for that of all other names.' }),
    origin: z.enum(['files', 'acme', 'self-signed', 'none']).openapi({
      description: 'Files of the operator’s, an authority that the server asks, the server; none yet.',
    }),
    file: z.string().nullable(),
    names: z.array(z.string()),
    issuer: z.string().nullable(),
    serial: z.string().nullable(),
    not_before: time,
    not_after: time,
    days_left: z.number().int().nullable(),
    next: z
      .string()
      .nullable()
      .openapi({ format: 'date-time', description: 'When the server asks the authority next.' }),
    failures: z.number().int().openapi({ description: 'Orders that failed since the last good one.' }),
    error: z.string().nullable().openapi({ description: 'Why the last one failed.' }),
  })
  .openapi('Certificate')
const list = z.object({ items: z.array(certificate) })

export function addCertificates(app: App): void {
  app.openapi(
    route(scope('certificates:read'), {
      method: 'get',
      path: '/v1/certificates',
      operationId: 'listCertificates',
      summary: 'List certificates: whose they are, until when, and what happens next',
      responses: { 200: json('All of them', list) },
    }),
    (c) => c.json(listed(running(c.var.deps)), 200),
  )
  app.openapi(
    route(scope('certificates:write'), {
      method: 'post',
      path: '/v1/certificates/renew',
      operationId: 'renewCertificates',
      summary: 'Fetch new certificates from the authority now',
      description: 'Answers when they are in force, or have failed; that may take minutes.',
      request: {
        body: body(
          z.strictObject({
            host: hostSchema
              .optional()
              .openapi({ description: 'Only that of this host.', example: 'bix.org' }),
          }),
        ),
      },
      responses: { 200: json('All certificates, the new ones among them', list) },
    }),
    async (c) => {
      const door = running(c.var.deps)
      c.env.door?.patience(600)
      await renewNow(c.var.deps, door, c.req.valid('json').host)
      return c.json(listed(door), 200)
    },
  )
  app.openapi(
    route(scope('certificates:write'), {
      method: 'post',
      path: '/v1/certificates/reload',
      operationId: 'reloadCertificates',
      summary: 'Read the files of certificates anew now; where one cannot be used those before stay in force',
      responses: { 200: json('All certificates', list) },
    }),
    async (c) => {
      const door = running(c.var.deps)
      await reloadNow(door)
      return c.json(listed(door), 200)
    },
  )
  // Asked for by names that need not be a host's: whoever knows the token may have the answer.
  app.openapi(
    route(file, {
      method: 'get',
      path: '/.well-known/acme-challenge/{token}',
      operationId: 'answerChallenge',
      summary: 'Show an authority that the name is ours, while it asks (RFC 8555 §8.3)',
      request: { params: z.object({ token: text(1000) }) },
      responses: { 200: { description: 'The answer', content: { 'text/plain': { schema: z.string() } } } },
    }),
    (c) => {
      const answer = c.var.deps.certificates?.answer(c.req.valid('param').token)
      if (answer === undefined) throw notFound()
      return c.text(answer, 200)
    },
  )
}

/** @throws HttpError */
export async function renewNow({ router }: HttpDeps, door: CertificateDoor, host?: string): Promise<void> {
  await router.run((t) =>
    t.store.audit.note('certificate renewal asked for', host === undefined ? {} : { host }),
  )
  try {
    await door.renew(host)
  } catch (error) {
    if (error instanceof TooEarly) throw new HttpError(409, 'too-early', error.message)
    if (error instanceof NotFetched) throw new HttpError(409, 'not-possible', error.message)
    if (error instanceof OutsideError) throw new HttpError(502, 'not-fetched', error.message)
    throw error
  }
}

/** @throws HttpError */
export async function reloadNow(door: CertificateDoor): Promise<void> {
  await door.reload().catch((error: unknown) => {
    if (error instanceof OutsideError) throw new HttpError(409, 'bad-certificate', error.message)
    throw error
  })
}

const listed = (door: CertificateDoor) => ({
  items: door.list().map(({ names, ...rest }) => ({ ...rest, names: [...names] })),
})

/** @throws HttpError where no server runs. */
export function running({ certificates }: HttpDeps): CertificateDoor {
  if (!certificates) throw new HttpError(503, 'server-needed', 'Start the server first: belfry serve')
  return certificates
}
