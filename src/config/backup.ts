/** [backup] and [storage]: copies of the data, and room for the day when the disk is full. */
import { z } from 'zod'
import { countLimit, duration, durationLimit, file, size, sizeLimit } from './values.ts'

export const backup = z.strictObject({
  dir: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Where backups are kept, from data_dir; by default "backups" in it. Best a directory on another disk.',
    )
    .meta({ sample: ['/srv/belfry-backups'] }),
  every: durationLimit('0s')
    .refine((ms) => ms >= 60_000, { error: 'a backup is made once a minute at most' })
    .describe('How often one is made; "0s" = only by `belfry backup create`.'),
  keep: duration('7d').describe(
    'How long those of this data are kept where `every` is set; the newest is never removed.',
  ),
  most: countLimit(14).describe('Most of them that are kept; 0 = any.'),
  uploads: z
    .enum(['link', 'copy', 'none'])
    .default('link')
    .describe(
      'Files that people sent: link = a link to the same file, which takes no room, and a copy where the file system has ' +
        'none; copy = always a copy; none = without them.',
    ),
  passphrase_file: file('/etc/belfry/backup.passphrase')
    .optional()
    .describe(
      'A file with the passphrase by which backups are encrypted (as `age -p` does it); without it they are not, unless one ' +
        'is given to `belfry backup create`.',
    ),
  rate: sizeLimit('64MB').describe(
    'Most bytes a second that it copies, so that messages do not wait for the disk; 0 = as fast as it goes.',
  ),
})

export const storage = z.strictObject({
  ballast: size('64MB').describe(
    'Size of a file in data_dir that is given up when the disk is full, so that something can still be deleted; 0 = none.',
  ),
})
