/** /v1/config/reload: the configuration read anew, and the word on whether it is used. */
import { isBug } from '../log.ts'
import { type App, route, scope } from './policy.ts'
import { HttpError } from './problem.ts'
import { json, z } from './schemas.ts'

export function addReload(app: App): void {
  app.openapi(
    route(scope('admin'), {
      method: 'post',
      path: '/v1/config/reload',
      operationId: 'reloadConfig',
      summary: 'Read configuration, keys and certificates anew; where they cannot be used those before stay',
      description:
        'Answers when the new configuration is in force, or with 409 and the reason why it is not used.',
      responses: {
        200: json(
          'In force',
          z.object({ changed: z.array(z.string()).openapi({ description: 'Keys that were taken over.' }) }),
        ),
      },
    }),
    async (c) => {
      const { reloads } = c.var.deps
      if (!reloads) throw new HttpError(503, 'server-needed', 'Start the server first: belfry serve')
      try {
        return c.json({ changed: [...(await reloads.ask())] }, 200)
      } catch (error) {
        if (isBug(error)) throw error
        throw new HttpError(409, 'not-used', error instanceof Error ? error.message : String(error))
      }
    },
  )
}
