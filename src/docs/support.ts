/** The table of supported extensions, from what each feature says of itself. */
import type { Feature, Xep } from '../routing/feature.ts'

/** What is not a feature of the road but of the stream below it. */
const OF_THE_STREAM: readonly Xep[] = [
  { number: 124, version: '1.11.2', note: 'one stream a session' },
  { number: 156, version: '1.4.0' },
  { number: 206, version: '1.4' },
  { number: 368, version: '1.1.0', note: 'direct TLS on port 5223' },
  { number: 440, version: '0.4.2', note: 'tls-exporter, tls-server-end-point' },
]

const TITLES: Readonly<Record<number, string>> = {
  12: 'Last Activity',
  30: 'Service Discovery',
  49: 'Private XML Storage',
  54: 'vcard-temp',
  59: 'Result Set Management',
  60: 'Publish-Subscribe',
  77: 'In-Band Registration',
  92: 'Software Version',
  115: 'Entity Capabilities',
  124: 'Bidirectional-streams Over Synchronous HTTP (BOSH)',
  156: 'Discovering Alternative XMPP Connection Methods',
  157: 'Contact Addresses for XMPP Services',
  160: 'Best Practices for Handling Offline Messages',
  163: 'Personal Eventing Protocol',
  191: 'Blocking Command',
  199: 'XMPP Ping',
  202: 'Entity Time',
  203: 'Delayed Delivery',
  206: 'XMPP Over BOSH',
  215: 'External Service Discovery',
  223: 'Persistent Storage of Private Data via PubSub',
  237: 'Roster Versioning',
  280: 'Message Carbons',
  297: 'Stanza Forwarding',
  313: 'Message Archive Management',
  357: 'Push Notifications',
  359: 'Unique and Stable Stanza IDs',
  377: 'Spam Reporting',
  368: 'SRV records for XMPP over TLS',
  440: 'SASL Channel-Binding Type Capability',
}

export function supportTable(features: readonly Feature[]): string {
  const all = [...features.flatMap((feature) => feature.xeps), ...OF_THE_STREAM]
  const rows = all
    .toSorted((a, b) => a.number - b.number)
    .map(({ number, version, note }) => {
      const name = String(number).padStart(4, '0')
      const link = `[XEP-${name}](https://xmpp.org/extensions/xep-${name}.html)`
      return `| ${link} | ${TITLES[number] ?? '?'} | ${version} | ${note ?? ''} |`
    })
  return ['| | | Version | Note |', '|---|---|---|---|', ...rows].join('\n')
}
