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
  lines_per_second: z
    .int()
    .min(1)
    .default(500)
    .describe('Lines of one area at one level in a second; how many more there were is told in one.'),
})
