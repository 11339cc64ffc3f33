/** [upload]: files that people send (XEP-0363). */
import { z } from 'zod'
import { HOST, isTemplate } from './muc.ts'
import { countLimit, duration, durationLimit, httpUrl, sizeLimit } from './values.ts'

export const upload = z.strictObject({
  enabled: z.boolean().default(true).describe('false: nobody can send files.'),
  host: z
    .string()
    .refine(isTemplate, { error: `not a domain such as "upload.${HOST}"` })
    .default(`upload.${HOST}`)
    .describe(`The domain of a host’s files service; ${HOST} stands for the host.`),
  url: httpUrl
    .optional()
    .describe(
      'Address under which files are put and fetched, best of a domain of its own; by default [http] public_url, else ' +
        'the host and the port of [http] tls_listen. Where it is not https, files can be sent from this machine alone ' +
        'or with push.simulator.',
    )
    .meta({ sample: ['https://files.example.org'] }),
  max_size: sizeLimit('100MB').describe('Largest file; 0 = any. A proxy in front has a limit of its own.'),
  account_bytes: sizeLimit('1GB').describe(
    'All files of one account that are stored for messages, for a time or not; 0 = any.',
  ),
  profile_bytes: sizeLimit('20MB').describe('The same of its files for profiles, such as large avatars.'),
  permanent_bytes: sizeLimit('200MB').describe(
    'The same of its files that are to stay, such as pictures of a blog.',
  ),
  total_bytes: sizeLimit('50GB').describe('All files of all accounts; 0 = any.'),
  free_bytes: sizeLimit('1GB').describe(
    'What a file must leave free on the disk, which the database needs too; 0 = nothing.',
  ),
  slot_life: duration('5m')
    .refine((ms) => ms > 0 && ms !== Infinity, { error: 'an address to put a file to must end some time' })
    .describe(
      'How long a file may be put to the address that was given out for it; its upload may take longer.',
    ),
  slots: countLimit(50).describe('Such addresses of one account that may be open at a time.'),
  keep: durationLimit('31d').describe('How long a file of a message is kept; "0s" = for ever.'),
  keep_ephemeral: durationLimit('7d').describe(
    'The same of files whose sender names an end, which come to it earlier or not at all.',
  ),
  keep_profile: durationLimit('0s').describe('The same of files for profiles.'),
  keep_permanent: durationLimit('0s').describe('The same of files that are to stay.'),
})
