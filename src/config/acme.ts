/** [acme]: certificates that Belfry fetches and renews itself (RFC 8555). */
import { z } from 'zod'
import { addresses, file, host, httpUrl } from './values.ts'

export const acme = z
  .strictObject({
    email: z
      .string()
      .regex(/^[^\s@]+@[^\s@]+$/u, { error: 'not an address such as "you@example.org"' })
      .optional()
      .describe('Switches it on; the authority writes there when something is wrong with a certificate.')
      .meta({ sample: ['you@example.org'] }),
    agree: z
      .boolean()
      .optional()
      .describe('You agree to the terms of service of the authority; without it there is no certificate.')
      .meta({ sample: [true] }),
    directory: httpUrl
      .default('https://acme-v02.api.letsencrypt.org/directory')
      .describe('Directory of the authority; for trials that of Let’s Encrypt’s staging.'),
    challenge: z
      .enum(['http-01', 'tls-alpn-01'])
      .default('http-01')
      .describe(
        'How the authority sees that the names are yours: by HTTP on port 80, or by TLS on port 443.',
      ),
    listen: addresses()
      .optional()
      .describe(
        'Where it is answered, only while it is asked; by default port 80 or 443 of every address. Challenges by HTTP are ' +
          'answered on the listeners of [http] too: [] = there alone, behind a proxy. Those by TLS need an address here.',
      )
      .meta({ sample: [['0.0.0.0:80', '[::]:80']] }),
    services: z
      .boolean()
      .default(true)
      .describe('Also for the domains of rooms and files; false: for `hosts` and `names` alone.'),
    names: z
      .array(host)
      .prefault([])
      .describe('Further names, such as that of [http] public_url; part of the first host’s certificate.'),
    ca_file: file('/etc/belfry/acme-root.pem')
      .optional()
      .describe('Roots that vouch for the directory, PEM, where the authority is one of your own.'),
    eab_key_id: z
      .string()
      .min(1)
      .optional()
      .describe('Id of the key that ties the account to a customer (external account binding).')
      .meta({ sample: ['kid-1'] }),
    eab_key_file: file('/etc/belfry/acme-eab.key')
      .optional()
      .describe('File with that key, base64url as the authority gives it.'),
  })
  .superRefine(({ email, agree, eab_key_id, eab_key_file }, ctx) => {
    const issue = (path: string[], message: string) => ctx.addIssue({ code: 'custom', path, message })
    if (email !== undefined && agree !== true)
      issue(
        ['email'],
        'say agree = true too: the authority gives certificates to who agrees to its terms alone',
      )
    if ((eab_key_id === undefined) !== (eab_key_file === undefined))
      issue([], 'eab_key_id and eab_key_file go together: name both or neither')
  })
