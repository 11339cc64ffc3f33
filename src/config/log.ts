/** [log]: what the server writes down about itself. */
import { z } from 'zod'

export const log = z.strictObject({
  level: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('Least severe level that is written.'),
  format: z
    .enum(['text', 'json'])
    .default('text')
    .describe('One line of key=value, or one JSON object, per event.'),
})
