/** The table of supported extensions, from what each feature says of itself. */
import type { Feature, Xep } from '../../src/routing/feature.ts'

/** What is not a feature of the road but of the stream below it. */
const OF_THE_STREAM: readonly Xep[] = [
  { number: 124, version: '1.11.2', note: 'one stream a session' },
  { number: 156, version: '1.4.0' },
  { number: 206, version: '1.4' },
  { number: 368, version: '1.1.0', note: 'direct TLS on port 5223' },
  { number: 386, version: '1.1.0' },
  { number: 388, version: '1.0.4', note: 'no tasks: no mechanism here needs a second step' },
  { number: 440, version: '0.4.2', note: 'tls-exporter, tls-server-end-point' },
  { number: 474, version: '0.5.0' },
  { number: 484, version: '0.2.0', note: 'not in TLS 0-RTT data' },
]

const TITLES: Readonly<Record<number, string>> = {
  12: 'Last Activity',
  30: 'Service Discovery',
  45: 'Multi-User Chat',
  48: 'Bookmarks',
  49: 'Private XML Storage',
  50: 'Ad-Hoc Commands',
  54: 'vcard-temp',
  59: 'Result Set Management',
  60: 'Publish-Subscribe',
  77: 'In-Band Registration',
  84: 'User Avatar',
  92: 'Software Version',
  115: 'Entity Capabilities',
  133: 'Service Administration',
  153: 'vCard-Based Avatars',
  124: 'Bidirectional-streams Over Synchronous HTTP (BOSH)',
  156: 'Discovering Alternative XMPP Connection Methods',
  157: 'Contact Addresses for XMPP Services',
  160: 'Best Practices for Handling Offline Messages',
  163: 'Personal Eventing Protocol',
  191: 'Blocking Command',
  198: 'Stream Management',
  199: 'XMPP Ping',
  202: 'Entity Time',
  203: 'Delayed Delivery',
  206: 'XMPP Over BOSH',
  215: 'External Service Discovery',
  223: 'Persistent Storage of Private Data via PubSub',
  237: 'Roster Versioning',
  280: 'Message Carbons',
  292: 'vCard4 Over XMPP',
  297: 'Stanza Forwarding',
  313: 'Message Archive Management',
  352: 'Client State Indication',
  357: 'Push Notifications',
  363: 'HTTP File Upload',
  359: 'Unique and Stable Stanza IDs',
  379: 'Pre-Authenticated Roster Subscription',
  401: 'Ad-hoc Account Invitation Generation',
  445: 'Pre-Authenticated In-Band Registration',
  377: 'Spam Reporting',
  368: 'SRV records for XMPP over TLS',
  386: 'Bind 2',
  388: 'Extensible SASL Profile',
  474: 'SASL SCRAM Downgrade Protection',
  484: 'Fast Authentication Streamlining Tokens',
  398: 'User Avatar to vCard-Based Avatars Conversion',
  402: 'PEP Native Bookmarks',
  411: 'Bookmarks Conversion',
  410: 'MUC Self-Ping (Schrödinger’s Chat)',
  421: 'Occupant identifiers for semi-anonymous MUCs',
  424: 'Message Retraction',
  425: 'Moderated Message Retraction',
  440: 'SASL Channel-Binding Type Capability',
  463: 'MUC Affiliations Versioning',
  486: 'MUC Avatars',
  492: 'Chat Notification Settings',
  478: 'Stream Limits Advertisement',
  490: 'Message Displayed Synchronization',
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
