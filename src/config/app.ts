/** [[push.apps]]: an app that may be rung. */
import { z } from 'zod'
import { appleKinds, unfit } from './notice-kinds.ts'
import { PAYLOAD_KEYS } from './payload-schema.ts'
import { file, httpUrl, jid, timeOfDay } from './values.ts'

/** Topic of every registration while the simulator stands in for Apple and no app is configured. */
export const SIMULATOR_TOPIC = 'org.example.chat'

export const app = z
  .strictObject({
    topic: z
      .string()
      .min(1)
      .describe('Bundle identifier of the app.')
      .meta({ sample: ['org.example.chat', 'org.example.chat-beta', 'org.example.old'] }),
    environment: z
      .enum(['production', 'sandbox'])
      .default('production')
      .describe('Which of Apple’s two services.'),
    team_id: z
      .string()
      .length(10)
      .optional()
      .describe('Apple team id, with key_id and key_file.')
      .meta({ sample: ['ABCDE12345'] }),
    key_id: z
      .string()
      .length(10)
      .optional()
      .describe('Id of the signing key.')
      .meta({ sample: ['ABC123DEFG'] }),
    key_file: file('/etc/belfry/AuthKey_ABC123DEFG.p8').optional().describe('The signing key, AuthKey_….p8.'),
    cert_file: file('/etc/belfry/push.pem')
      .optional()
      .describe('Push certificate, PEM, instead of a signing key.'),
    cert_key_file: file('/etc/belfry/push.key').optional().describe('Its private key, PEM.'),
    p12_file: file('/etc/belfry/push.p12')
      .optional()
      .describe('Push certificate with key, PKCS #12, instead of the two above.'),
    p12_password_file: file('/etc/belfry/push.p12.password')
      .optional()
      .describe('File with the password of p12_file.'),
    endpoint: httpUrl
      .optional()
      .describe('Only to replace Apple’s address.')
      .meta({ sample: ['https://127.0.0.1:2197'] }),
    ca_file: file('/etc/belfry/apns-ca.pem')
      .optional()
      .describe('Only for an endpoint with a private certificate authority.'),
    aliases: z.array(jid).prefault([]).describe('Push service addresses that old app builds name.'),
    providers: z
      .array(z.string().min(1).max(100))
      .default(['tigase:messenger:apns:1', 'snikket:apns:1'])
      .describe('What builds of Siskin or Snikket of this topic call their push provider.'),
    body: z
      .enum(['none', 'sender', 'full', 'encrypted'])
      .default('sender')
      .describe('How much of a message is shown to Apple.'),
    accounts: z
      .enum(['one', 'many'])
      .optional()
      .describe(
        'Whether the app has one account, so that a phone leaves the account before, or rings for several; by default ' +
          'as its way of registering tells (Siskin, Snikket, Monal and ChatSecure: many).',
      ),
    title: z
      .enum(['name', 'jid', 'key'])
      .default('name')
      .describe(
        'Title of an alert: the sender’s name, or the room’s; its address; or keys that the app translates, with the names.',
      ),
    localized: z
      .boolean()
      .default(false)
      .describe('Send loc-key names that the app translates instead of English sentences.'),
    sound: z.string().max(100).default('default').describe('Sound of an alert; "" for none.'),
    category: z
      .string()
      .max(100)
      .optional()
      .describe('Category of an alert, for the app’s own actions.')
      .meta({ sample: ['MESSAGE'] }),
    mutable_content: z
      .boolean()
      .default(false)
      .describe('The app’s notification extension may change every alert.'),
    content_available: z
      .boolean()
      .default(false)
      .describe('An alert also wakes the app, which may fetch before it is opened.'),
    interruption_level: z
      .enum(['passive', 'active', 'time-sensitive'])
      .optional()
      .describe('How much an alert may disturb; calls are time-sensitive unless `kinds` says otherwise.'),
    critical_alerts: z
      .boolean()
      .default(false)
      .describe(
        'The app has Apple’s entitlement for critical alerts, so that a kind may be one, which rings in Do Not Disturb too.',
      ),
    kinds: appleKinds,
    calls: z
      .enum(['voip', 'alert'])
      .default('voip')
      .describe(
        'How a call rings an app with a PushKit token; "alert" where the app may not use CallKit, as in China’s store.',
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
    attachments: z
      .boolean()
      .default(false)
      .describe(
        'Payloads about a file that is not encrypted have its address and media type, for the app’s notification extension; ' +
          'only where body is full.',
      ),
    custom: z
      .record(
        z
          .string()
          .refine((key) => key !== 'aps', { error: 'aps is Apple’s' })
          .refine((key) => !PAYLOAD_KEYS.has(key), { error: 'is one that Belfry writes itself' }),
        z.union([z.string().max(500), z.number(), z.boolean()]),
      )
      .refine((keys) => JSON.stringify(keys).length <= 1024, { error: 'more than 1024 characters in all' })
      .default({})
      .describe('Keys that are added to every payload, for the app.'),
  })
  .superRefine((value, ctx) => {
    for (const wrong of unfit(value.kinds, value.critical_alerts)) ctx.addIssue({ code: 'custom', ...wrong })
    const ways = [['team_id', 'key_id', 'key_file'], ['cert_file', 'cert_key_file'], ['p12_file']] as const
    const used = ways.filter((keys) => keys.some((key) => value[key] !== undefined))
    if (used.length !== 1) {
      const message =
        'needs exactly one way to sign in to Apple: team_id + key_id + key_file, or cert_file + cert_key_file, or p12_file'
      ctx.addIssue({ code: 'custom', message })
    }
    for (const key of used.flat()) {
      if (value[key] === undefined) {
        ctx.addIssue({ code: 'custom', path: [key], message: `${key} is missing beside its companions` })
      }
    }
  })

type App = z.output<typeof app>

/** Conflicts that cannot be true of two apps together. */
export function conflicts(apps: readonly App[]): { path: (string | number)[]; message: string }[] {
  return apps.flatMap((one, index) =>
    apps.slice(0, index).flatMap((other) => {
      const found: { path: (string | number)[]; message: string }[] = []
      const say = (path: (string | number)[], message: string) =>
        found.push({ path: [index, ...path], message })
      if (one.topic === other.topic) {
        if (one.team_id !== undefined && other.team_id !== undefined && one.team_id !== other.team_id)
          say(['team_id'], `${one.topic} is of team ${other.team_id} above: an app belongs to one team`)
        if ((one.accounts ?? other.accounts) !== other.accounts && other.accounts !== undefined)
          say(['accounts'], `${one.topic} has ${other.accounts} above: a token may be of either service`)
        return found
      }
      one.aliases.forEach((alias, at) => {
        if (other.aliases.includes(alias))
          say(['aliases', at], `${alias} is an alias of ${other.topic} above`)
      })
      return found
    }),
  )
}
