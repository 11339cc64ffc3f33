/** /upload: files that people send (XEP-0363). Who has the address may fetch; who has that of the slot may put, once. */
import { UPLOAD_PATH } from '../../uploads/address.ts'
import { text } from '../fields.ts'
import { type App, file, route } from '../policy.ts'
import { z } from '../schemas.ts'
import { getFile } from './get.ts'
import { putFile } from './put.ts'

const params = z.strictObject({
  id: text(200).openapi({ description: 'It decides which file is meant.' }),
  name: text(1024).openapi({ description: 'For people, and for programs that look at its ending.' }),
})
const bytes = { schema: z.string().openapi({ format: 'binary' }) }
const path = `${UPLOAD_PATH}/{id}/{name}` as const
/** Seconds for which a browser may remember what it may send. */
const REMEMBER = '86400'

export function addFiles(app: App): void {
  app.openapi(
    route(file, {
      method: 'put',
      path,
      operationId: 'putFile',
      summary: 'Put a file to its slot (XEP-0363)',
      description:
        'It is stored when the answer is there. Its size is that of the slot, and so is its type, if it has one.',
      request: { params, body: { content: { 'application/octet-stream': bytes } } },
      responses: { 201: { description: 'It is on disk' } },
    }),
    async (c) => {
      await putFile(c, c.req.valid('param').id)
      return c.body(null, 201)
    },
  )
  app.openapi(
    route(file, {
      method: 'get',
      path,
      operationId: 'getFile',
      summary: 'Fetch a file, or one part of it (Range)',
      request: { params },
      responses: {
        200: { description: 'The file', content: { '*/*': bytes } },
        206: { description: 'The part that Range names', content: { '*/*': bytes } },
        304: { description: 'It is as If-None-Match has it' },
      },
    }),
    (c) => getFile(c, c.req.valid('param').id),
  )
  app.openapi(
    route(file, {
      method: 'options',
      path,
      operationId: 'filePreflight',
      summary: 'What a page of any origin may send there',
      request: { params },
      responses: { 204: { description: 'The CORS headers' } },
    }),
    (c) => {
      c.header('access-control-allow-methods', 'GET, HEAD, PUT, OPTIONS')
      c.header(
        'access-control-allow-headers',
        'Authorization, Content-Type, If-None-Match, If-Range, Range, X-Requested-With',
      )
      c.header('access-control-max-age', REMEMBER)
      return c.body(null, 204)
    },
  )
}
