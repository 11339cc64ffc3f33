/** [upload]: files that people send (XEP-0363). */
import { z } from 'zod'
import { HOST, isTemplate } from './muc.ts'
import { countLimit, duration, durationLimit, file, httpUrl, sizeLimit } from './values.ts'

/** Without these there is no store. */
export const S3_KEYS = ['endpoint', 'bucket', 'key_id', 'secret_file'] as const

const s3 = z.strictObject({
  endpoint: httpUrl
    .optional()
    .describe('Address of the store.')
    .meta({ sample: ['https://s3.eu-central-1.amazonaws.com'] }),
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, { error: 'not a name of a bucket, such as "belfry-files"' })
    .optional()
    .describe('A bucket that has nothing else in it.')
    .meta({ sample: ['belfry-files'] }),
  region: z
    .string()
    .regex(/^[\w-]+$/, { error: 'not a region such as "eu-central-1"' })
    .default('us-east-1')
    .describe('Its region; stores of one’s own take any.'),
  key_id: z
    .string()
    .min(1)
    .optional()
    .describe('Id of the access key.')
    .meta({ sample: ['AKIAIOSFODNN7EXAMPLE'] }),
  secret_file: file('/etc/belfry/s3.secret').optional().describe('File with the secret of the access key.'),
  path_style: z
    .boolean()
    .default(true)
    .describe('The bucket stands in the path; false: in front of the name of the endpoint.'),
})

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
  storage: z
    .enum(['disk', 's3'])
    .default('disk')
    .describe('disk: data_dir/uploads; s3: the bucket of [upload.s3]. Clients see no difference.'),
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
  s3: s3.prefault({}).describe('A store elsewhere that speaks S3; all bytes pass through this server.'),
})
