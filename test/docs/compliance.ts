/** What an advanced server must have by the XMPP Compliance Suites 2023 (XEP-0479), and where Belfry stands. */

interface Demand {
  readonly suite: 'Core' | 'Web' | 'IM' | 'Mobile' | 'A/V'
  readonly what: string
  /** Extensions that answer it; none where an RFC does, which the protocol's own tests show. */
  readonly xeps: readonly number[]
  /** What is missing, if anything is. */
  readonly missing?: string
}

/** Rows that concern clients alone are left out. */
export const DEMANDS: readonly Demand[] = [
  { suite: 'Core', what: 'Core features (RFC 6120)', xeps: [], missing: 'no federation' },
  { suite: 'Core', what: 'TLS (RFC 7590)', xeps: [] },
  { suite: 'Core', what: 'Direct TLS', xeps: [368] },
  { suite: 'Core', what: 'Feature discovery', xeps: [30] },
  { suite: 'Core', what: 'Feature broadcasts', xeps: [115] },
  { suite: 'Core', what: 'Server extensibility', xeps: [114], missing: 'no components' },
  { suite: 'Core', what: 'Event publishing', xeps: [163] },
  { suite: 'Web', what: 'Web connections (RFC 7395, BOSH)', xeps: [206, 124] },
  { suite: 'Web', what: 'Their discovery', xeps: [156] },
  { suite: 'IM', what: 'Core features (RFC 6121)', xeps: [] },
  { suite: 'IM', what: 'User avatar compatibility', xeps: [398, 153] },
  { suite: 'IM', what: 'vcard-temp', xeps: [54] },
  { suite: 'IM', what: 'Outbound message synchronization', xeps: [280] },
  { suite: 'IM', what: 'User blocking', xeps: [191] },
  { suite: 'IM', what: 'Group chat', xeps: [45] },
  {
    suite: 'IM',
    what: 'Advanced group chat',
    xeps: [48, 313, 402],
  },
  { suite: 'IM', what: 'Persistent private data', xeps: [223] },
  { suite: 'IM', what: 'Private XML storage', xeps: [49] },
  { suite: 'IM', what: 'Stream management', xeps: [198] },
  { suite: 'IM', what: 'History storage and retrieval', xeps: [313] },
  { suite: 'IM', what: 'File upload', xeps: [363] },
  { suite: 'Mobile', what: 'Stream management', xeps: [198] },
  { suite: 'Mobile', what: 'Client state indication', xeps: [352] },
  { suite: 'Mobile', what: 'Push notifications', xeps: [357] },
  { suite: 'A/V', what: 'STUN and TURN discovery', xeps: [215] },
]

export function complianceTable(): string {
  const rows = DEMANDS.map(({ suite, what, xeps, missing }) => {
    const names = xeps.map((number) => `XEP-${String(number).padStart(4, '0')}`).join(', ')
    return `| ${suite} | ${what} | ${names} | ${missing ?? 'yes'} |`
  })
  return ['| Suite | An advanced server has | By | Belfry |', '|---|---|---|---|', ...rows].join('\n')
}
