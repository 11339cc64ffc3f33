/** [tls], [c2s] and [http]: where the server listens, with which certificates, and whose word it takes. */
import { z } from 'zod'
import { file, host, httpUrl, listen, network, origin } from './values.ts'

const tlsHost = z.strictObject({
  name: host.describe('Domain for which this pair is used.').meta({ sample: ['other.example.org'] }),
  cert: file('/etc/letsencrypt/live/other.example.org/fullchain.pem').describe('Certificate chain, PEM.'),
  key: file('/etc/letsencrypt/live/other.example.org/privkey.pem').describe('Private key, PEM.'),
})

export const tls = z.strictObject({
  cert: file('/etc/letsencrypt/live/example.org/fullchain.pem')
    .optional()
    .describe('Certificate chain, PEM. Without one Belfry signs its own.'),
  key: file('/etc/letsencrypt/live/example.org/privkey.pem').optional().describe('Private key, PEM.'),
  min: z.enum(['1.2', '1.3']).default('1.2').describe('Lowest TLS version.'),
  compat: z
    .enum(['none', 'old'])
    .default('none')
    .describe(
      '"old": of TLS 1.2 also ECDHE with AES-CBC, for systems from before 2015 (iOS 8, Android 4); weaker, so only while ' +
        'such phones are there.',
    ),
  hosts: z
    .array(tlsHost)
    .default([])
    .describe('Further certificates, chosen by SNI and by the stream’s `to`.'),
})

const proxyProtocol = () =>
  z
    .boolean()
    .default(false)
    .describe(
      'These listeners expect the PROXY protocol, version 1 or 2, from trusted_proxies and nobody else; for a single ' +
        'one: { address = "127.0.0.1:5224", proxy_protocol = true } in its list.',
    )

export const c2s = z.strictObject({
  listen: listen(['0.0.0.0:5222', '[::]:5222']).describe(
    'Client connections that start in the clear and upgrade (STARTTLS).',
  ),
  direct_tls_listen: listen(['0.0.0.0:5223', '[::]:5223']).describe(
    'Client connections with TLS from the first byte (XEP-0368).',
  ),
  require_tls: z
    .boolean()
    .default(true)
    .describe('false: SCRAM logins and registration also without TLS. PLAIN never.'),
  proxy_protocol: proxyProtocol(),
  trusted_proxies: z
    .array(network)
    .default(['127.0.0.1', '::1'])
    .describe('Proxies from which listeners with proxy_protocol take connections; others are refused there.'),
})

export const http = z.strictObject({
  listen: listen(['127.0.0.1:5280', '[::1]:5280']).describe('API, /admin/, web clients, health and metrics.'),
  tls_listen: listen([]).describe('The same over TLS.'),
  public_url: httpUrl
    .optional()
    .describe('Address under which people reach this server.')
    .meta({ sample: ['https://chat.example.org'] }),
  trusted_proxies: z
    .array(network)
    .default(['127.0.0.1', '::1'])
    .describe('Peers whose forwarded_by header and X-Forwarded-Proto are believed.'),
  forwarded_by: z
    .array(z.enum(['x-forwarded-for', 'forwarded', 'x-real-ip']))
    .min(1)
    .default(['x-forwarded-for', 'forwarded', 'x-real-ip'])
    .describe(
      'Headers in which trusted_proxies name the client; of several the first that is there counts. Name only those ' +
        'that your proxy sets, or have it remove the others: it hands on what a client made up.',
    ),
  origins: z
    .array(origin)
    .prefault([])
    .describe(
      'Web origins whose pages may connect by WebSocket or BOSH; [] = same origin and loopback pages, ["*"] = all.',
    ),
})
