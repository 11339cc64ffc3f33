/** [push]: what rings phones, and when. */
import { z } from 'zod'
import { app } from './app.ts'
import { count, duration, httpUrl } from './values.ts'
import { fcm, webpush } from './web-push.ts'

export const push = z.strictObject({
  simulator: z.boolean().default(false).describe('Push to the built-in APNs simulator instead of Apple.'),
  burst: count(10).describe(
    'Pushes per device and minute before messages of one chat are merged; 0 = never.',
  ),
  hold: duration('30s').describe(
    'How long a push waits while another device of the account is in use; "0s" = not at all.',
  ),
  active_within: duration('60s').describe(
    'How long a session counts as in use after its person typed, sent, read or opened it; a push waits no longer than that.',
  ),
  inactive_wait: duration('3s').describe(
    'How long a push waits for the ack of an app in the background; "0s" = not at all.',
  ),
  call_wait: duration('2s').describe(
    'How long a call waits for the ack of an app that is connected, since iOS may have suspended it; "0s" = not at all.',
  ),
  expiration: duration('7d').describe(
    'How long a push is tried and kept for a phone that is off; Apple keeps 30 days.',
  ),
  reactions: z
    .enum(['nothing', 'badge', 'silent', 'ring'])
    .default('nothing')
    .describe(
      'What a reaction does to a phone: nothing, one more on the icon, wake the app unseen (Apple lets few through), or ring ' +
        'who wrote the message; a person may say whether it rings (`/v1/me/push-settings`).',
    ),
  joined: z
    .boolean()
    .default(false)
    .describe(
      'Whether a contact that has joined by an invitation rings who made it; a person may say so as well.',
    ),
  corrections: z
    .enum(['nothing', 'silent', 'replace'])
    .default('replace')
    .describe(
      'What the correction of a message does: nothing, wake the app unseen, or replace the text that a phone shows, without a sound.',
    ),
  retractions: z
    .enum(['badge', 'silent'])
    .default('badge')
    .describe(
      'What taking a message back does: lower the number on the icon, or wake the app unseen as well.',
    ),
  removal_every: duration('30m').describe(
    'The least time between two pushes that wake a phone only to take notices off; Apple lets two or three an hour through.',
  ),
  ring_time: duration('1m').describe('How long a call rings; a push about it is worth nothing later.'),
  proxy: httpUrl
    .optional()
    .describe('HTTP proxy for connections to Apple (CONNECT), with user:password@ where it asks for them.')
    .meta({ sample: ['http://127.0.0.1:3128'] }),
  keep_verdicts: duration('14d').describe(
    'How long it is remembered why a phone rang or not, and what the webhook refused.',
  ),
  alarm_after: duration('5m').describe('A push that waits longer than this raises an alarm.'),
  certificate_alarm: duration('30d').describe('A push certificate that ends within this raises an alarm.'),
  apps: z.array(app).default([]).describe('The apps that this server may ring.'),
  fcm: z.array(fcm).default([]).describe('Apps for Android that it may ring through Google (FCM).'),
  webpush: webpush.prefault({}),
})
