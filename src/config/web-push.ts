/** [push.webpush] and [[push.fcm]]: every phone but Apple's, and browsers. */
import { z } from 'zod'
import { fcmKinds } from './notice-kinds.ts'
import { file, httpUrl, jid, timeOfDay } from './values.ts'

/** Topic of each device of Web Push: there are no apps to be told apart. */
export const WEB_TOPIC = 'web'

export const webpush = z.strictObject({
  contact: z
    .string()
    .regex(/^(?:mailto:[^\s@]+@[^\s@]+|https:\/\/\S+)$/, {
      error: 'not an address such as "mailto:admin@example.org" or "https://…"',
    })
    .optional()
    .describe(
      'Whom push services may write to (RFC 8292; Apple takes none at localhost); without it there is no Web Push.',
    )
    .meta({ sample: ['mailto:admin@example.org'] }),
  body: z
    .enum(['none', 'sender', 'full', 'encrypted'])
    .default('full')
    .describe('How much of a message goes out; only the subscribed browser or app can read it.'),
  removals: z
    .boolean()
    .default(false)
    .describe(
      'The app takes notices off the screen by the names in `remove`: what was read elsewhere or taken back.',
    ),
  digest: timeOfDay
    .optional()
    .describe(
      'When the app’s phones are told, once a day, how much muted rooms have had; a person may say so as well, or never.',
    )
    .meta({ sample: ['18:30'] }),
  open: z
    .string()
    .regex(/^https:\/\/\S+$/, { error: 'not an https address' })
    .optional()
    .describe('Page that a tap opens, with {account} and {chat} in it; by default https://HOST/.')
    .meta({ sample: ['https://chat.example.org/#/chat/{chat}'] }),
  hosts: z
    .array(
      z.string().regex(/^(?:\*\.)?[a-z0-9.:-]+$/, {
        error: 'a name such as "ntfy.example.org" or "*.push.apple.com"',
      }),
    )
    .default([])
    .describe(
      'Push services that may be subscribed to, such as "ntfy.example.org" and "*.push.apple.com"; [] = any.',
    ),
  allow_private: z
    .boolean()
    .default(false)
    .describe('Also http, and addresses of private networks and loopback: for a LAN alone.'),
  ca_file: file('/etc/belfry/push-ca.pem')
    .optional()
    .describe('Only for push services with a private certificate authority.'),
})

export const fcm = z.strictObject({
  topic: z
    .string()
    .min(1)
    .max(255)
    .describe('Package name of the app.')
    .meta({ sample: ['org.example.android'] }),
  service_account_file: file('/etc/belfry/firebase.json').describe(
    'Key of a service account, from Google’s console.',
  ),
  body: z
    .enum(['none', 'sender', 'full', 'encrypted'])
    .default('sender')
    .describe('How much of a message is shown to Google.'),
  notification: z
    .boolean()
    .default(false)
    .describe(
      'Android itself shows the notice, and the app does not run; by default the app gets data and shows it.',
    ),
  removals: z
    .boolean()
    .default(false)
    .describe(
      'The app takes notices off the screen by the names in `remove`: what was read elsewhere or taken back.',
    ),
  digest: timeOfDay
    .optional()
    .describe(
      'When the app’s phones are told, once a day, how much muted rooms have had; a person may say so as well, or never.',
    )
    .meta({ sample: ['18:30'] }),
  channel: z
    .string()
    .max(100)
    .optional()
    .describe('Android’s channel of such a notice.')
    .meta({ sample: ['messages'] }),
  kinds: fcmKinds,
  accounts: z
    .enum(['one', 'many'])
    .optional()
    .describe('Whether the app has one account or several, as in [[push.apps]].'),
  aliases: z.array(jid).prefault([]).describe('Push service addresses that app builds name.'),
  token_url: httpUrl
    .optional()
    .describe(
      'Only to replace Google’s address for access tokens; that of the file counts only where it is Google’s.',
    )
    .meta({ sample: ['https://127.0.0.1:2198/token'] }),
  endpoint: httpUrl
    .optional()
    .describe('Only to replace Google’s address.')
    .meta({ sample: ['https://127.0.0.1:2198'] }),
  ca_file: file('/etc/belfry/google-ca.pem')
    .optional()
    .describe('Only for an endpoint with a private certificate authority.'),
})

/** Whether anything can be rung at all. */
export const ringsSomething = (push: {
  readonly apps: readonly unknown[]
  readonly simulator: boolean
  readonly fcm?: readonly unknown[]
  readonly webpush?: { readonly contact?: string | undefined }
}): boolean =>
  push.simulator || push.apps.length > 0 || (push.fcm?.length ?? 0) > 0 || push.webpush?.contact !== undefined
