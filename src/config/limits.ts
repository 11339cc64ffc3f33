/** [limits]: every cap that Belfry has, so that none is a number hidden in code. */
import { z } from 'zod'
import { between, count, countLimit, duration, durationLimit, size, sizeLimit } from './values.ts'

/** Bytes of one page; none would have no end. */
const pageBytes = (fallback: string, of: string) =>
  size(fallback).refine((bytes) => bytes > 0, { error: `a page of ${of} must end somewhere` })

export const limits = z
  .strictObject({
    rates: z
      .boolean()
      .default(true)
      .describe(
        'false switches off every limit per time or per address (for benchmarks): stanza rates, delays after failed ' +
          'logins, suspect_handshakes, registration.timeout, registration.min_password, connections_per_ip, push.burst. ' +
          'Caps per account and on sizes stay.',
      ),
    stanza_bytes: sizeLimit(262_144).describe(
      'Largest stanza after login, in raw bytes (XEP-0478); over BOSH with all of its <body/>.',
    ),
    preauth_stanza_bytes: sizeLimit(8192).describe('Largest element before login.'),
    depth: countLimit(64).describe('Nesting of elements in one stanza.'),
    elements: countLimit(25_000).describe(
      'Elements in one stanza: more than what people keep needs, fewer than stanza_bytes of empty ones.',
    ),
    preauth_elements: countLimit(32).describe('Elements in one first-level element before login.'),
    attributes: countLimit(64).describe('Attributes of one element.'),
    namespaces: countLimit(32).describe('Namespace declarations in one stanza.'),
    preauth_timeout: durationLimit('30s').describe('From connect to a finished login.'),
    registration_form_timeout: durationLimit('5m').describe(
      'The same once a registration has begun or an invitation was shown, from then on: people fill in forms by hand. ' +
        'Where the operator lets nobody register and there is no invitation, it never holds.',
    ),
    tls_handshake_timeout: durationLimit('10s').describe('From the first TLS byte to a finished handshake.'),
    idle_ping: durationLimit('4m').describe('A silent session is asked for a sign of life after this.'),
    websocket_ping: durationLimit('50s').describe(
      'A WebSocket carries something at least this often, also before login: shorter than what a proxy in front waits ' +
        'for; not below 15s.',
    ),
    idle_timeout: durationLimit('10m').describe('A session from which nothing came for this long is closed.'),
    connections_per_ip: countLimit(50).describe(
      'Open connections per address (IPv6: per /64); as many again over HTTP, but for [http] trusted_proxies.',
    ),
    connections: count(0).describe(
      'XMPP connections in all; 0 = four fifths of the limit on open files. The rest is for ' +
        'HTTP, whose fullest addresses are cut where 15 of 16 files are open.',
    ),
    sessions_per_user: countLimit(20).describe('Bound resources of one account.'),
    roster_items: countLimit(5000).describe('Contacts of one account.'),
    roster_bytes: sizeLimit('1MB').describe(
      'Size of addresses, names and groups of all contacts of one account.',
    ),
    directed_presence: countLimit(500).describe('Addresses one session may have sent directed presence to.'),
    rooms_per_user: countLimit(100).describe('Rooms that one account may own.'),
    room_occupants: countLimit(1000).describe(
      'Most occupants that the owners of a room may allow; admins come in beyond it.',
    ),
    room_affiliations: countLimit(10_000).describe('Members, admins, owners and outcasts of one room.'),
    room_messages_per_second: countLimit(50).describe(
      'Messages per second and room, averaged; ten times so many at once. More are refused, and may be sent later.',
    ),
    room_presences_per_second: countLimit(50).describe(
      'Changes of status and nick per second and room, likewise.',
    ),
    room_presence_at_once: countLimit(200).describe(
      'Occupants up to which a room tells every change of status at once. In a larger one those of all but moderators are told ' +
        'once a second, the newest of each; who comes and goes, nicks, roles and affiliations never wait.',
    ),
    room_joins_per_second: countLimit(200).describe(
      'People who come into one room per second, likewise: after a restart all come at once.',
    ),
    room_unread: between(1, 10_000, 1000).describe(
      'Messages of a room that are counted as unread for one member, at most 10,000; of more nobody asks how many.',
    ),
    room_page: between(1, 1000, 100).describe('Rooms of one page of a list, at most 1,000.'),
    offline_messages: countLimit(1000).describe('Stored messages waiting for one account.'),
    offline_bytes: sizeLimit('10MB').describe('Bytes of stored messages waiting for one account.'),
    offline_keep: durationLimit('90d').describe('How long a message waits before it is dropped.'),
    offline_page: between(1, 250, 100).describe(
      'Stored messages that are written to a client before it must show that it reads them, at most 250.',
    ),
    offline_page_bytes: pageBytes('128KB', 'stored messages').describe(
      'Bytes of those, but for a single message that is larger; fewer suit phones on slow lines, and many cost ' +
        'clients their connection (send_buffer_bytes).',
    ),
    // One query is one trip, and no trip may hold the loop or fill the memory: none of its limits can be off.
    archive_page: between(1, 250, 100).describe(
      'Messages of one page of an archive, at most 250 (XEP-0313); 50 where the client does not say.',
    ),
    archive_page_bytes: pageBytes('256KB', 'the archive').describe(
      'Bytes of one such page, but for a single message that is larger; well below send_buffer_bytes, or pages ' +
        'cost clients their connection.',
    ),
    archive_scan: between(1, 100_000, 5000).describe(
      'Messages that one query looks through for those of one resource, at most 100,000; beyond that the client ' +
        'goes on from there, or says from when to when.',
    ),
    archive_count: between(1, 1_000_000, 50_000).describe(
      'Messages that are counted for a client that asks how many there are, at most 1,000,000; more are told as so many.',
    ),
    archive_ids: between(1, 10_000, 500).describe('Messages that one query may name by id, at most 10,000.'),
    archive_prefs: countLimit(500).describe(
      'Addresses of each list of what one account always or never archives.',
    ),
    blocked_jids: countLimit(1000).describe('Addresses that one account may block.'),
    private_xml_bytes: sizeLimit(262_144).describe(
      'Size of one piece of private XML (XEP-0049); stanza_bytes comes first.',
    ),
    private_xml_documents: countLimit(100).describe('Pieces of private XML of one account.'),
    private_xml_total: sizeLimit('10MB').describe('Size of all private XML of one account.'),
    vcard_bytes: sizeLimit(262_144).describe('Size of one vCard with its picture; stanza_bytes comes first.'),
    pep_nodes: countLimit(256).describe(
      'Nodes that one account may publish to (XEP-0163), but for pep_bundles.',
    ),
    pep_bundles: countLimit(256).describe(
      'Nodes with the encryption keys of one device each (XEP-0384 before 0.8); the oldest whose device is in no list ' +
        'gives way.',
    ),
    pep_items: countLimit(10_000).describe(
      'Items that one node may keep; in one whose owner asked for "max" none gives way, one more is refused.',
    ),
    pep_item_bytes: sizeLimit(262_144).describe(
      'Size of one published item, such as a picture in Base64; stanza_bytes comes first.',
    ),
    pep_page_bytes: pageBytes('256KB', 'items').describe(
      'Bytes of items in one answer, but for a single item that is larger; the rest is fetched by pages (XEP-0060).',
    ),
    pep_bytes: sizeLimit('10MB').describe('Size of all that one account has published.'),
    pep_subscribers: countLimit(1000).describe('Addresses that may subscribe to one node.'),
    bookmarks_bytes: sizeLimit('512KB').describe(
      'Size of the bookmarks of one account as one list (XEP-0048).',
    ),
    caps: countLimit(10_000).describe('Kinds of clients whose capabilities are remembered (XEP-0115).'),
    auth_tries: countLimit(5).describe('Failed logins on one connection before it is closed.'),
    auth_failures: countLimit(5).describe(
      'Failed logins per account and address before answers are delayed by 1, 2, 4 … seconds. ' +
        'An account is never locked as a whole: that would let strangers lock people out.',
    ),
    auth_delay_max: duration('30s').describe('Longest of those delays.'),
    auth_failures_per_ip: countLimit(20).describe(
      'Failed logins per address and auth_window before auth_ban; of one account no more count than auth_failures, ' +
        'and after as many of one account only that account is refused there. See auth.never_ban, belfry ban list.',
    ),
    auth_window: duration('10m').describe('How long a failed login counts.'),
    auth_ban: duration('1h').describe(
      'How long such an address may not log in; "0s" = no bans. Direct TLS closes its connections at once.',
    ),
    suspect_handshakes: countLimit(50).describe(
      'STARTTLS handshakes per second of all addresses that failed lately or are banned, one address after the other; ' +
        'those of others go first. Addresses that are never banned are not slowed down.',
    ),
    stanzas_per_second: countLimit(50).describe(
      'Stanzas per second and session, averaged; more is slowed down.',
    ),
    stanza_burst: countLimit(500).describe('Stanzas that a session may send at once on top of that.'),
    bytes_per_second: sizeLimit('20KB').describe(
      'Bytes per second and session, averaged; more is slowed down.',
    ),
    bytes_burst: sizeLimit('512KB').describe('Bytes that a session may send at once on top of that.'),
    send_buffer_bytes: sizeLimit('1MB').describe(
      'Unsent bytes of one connection before it is dropped, beside a single answer that is larger.',
    ),
    bosh_wait: duration('55s').describe(
      'Longest time that a BOSH request is held (XEP-0124); shorter than what a proxy in front waits for.',
    ),
    bosh_hold: between(0, 10, 1).describe(
      'Requests of one BOSH session that are held at a time; one more may be made.',
    ),
    bosh_inactivity: duration('60s').describe('A BOSH session without a request for this long has ended.'),
    bosh_polling: duration('2s').describe('Empty BOSH requests may not follow each other faster.'),
    bosh_pause: duration('2m').describe('Longest pause that a BOSH client may ask for.'),
    sm_queue: countLimit(1000).describe(
      'Un-acked stanzas of one session (XEP-0198); half as many wait behind offline messages.',
    ),
    csi_queue: countLimit(200).describe('Stanzas kept back for a client in the background (XEP-0352).'),
    // A trip writes at most 256 rows of the outbox. A message may ring the devices of its recipient, lower the numbers on
    // those of its sender, and a retraction wakes the former and lowers theirs as well: three times so many.
    devices_per_user: between(1, 80, 10).describe(
      'Push registrations of one account, at most 80; the oldest gives way.',
    ),
    device_tokens: between(1, 500, 50).describe(
      'Tokens of one device for activities, widgets, controls and the like; the oldest gives way.',
    ),
    unread_per_user: countLimit(10_000).describe(
      'Unread messages of one account that are counted for its badge.',
    ),
    notices_per_device: countLimit(50).describe(
      'Notices of one phone and account that are remembered, so that its app may take them off (`removals`); the oldest are forgotten.',
    ),
    device_filters: countLimit(500).describe(
      'Muted contacts and chosen rooms of one push registration (the filters of Siskin and Snikket).',
    ),
    push_queue: countLimit(100_000).describe('Push requests waiting in all.'),
    webhook_events: countLimit(100_000).describe(
      'What may wait for the webhook; above it messages are still told later, events are not kept.',
    ),
    http_body_bytes: sizeLimit('1MB').describe('Largest body of an API request.'),
    http_body_timeout: durationLimit('20s').describe(
      'From the end of a request’s headers to the end of its body. Headers get some 12 s, which is not ours to set.',
    ),
    http_idle_timeout: durationLimit('30s').describe(
      'An HTTP connection on which nothing moves for this long is closed, at most 255s. Streams over HTTP have ' +
        'bosh_wait and idle_ping instead, and the Unix socket waits for ever.',
    ),
    http_requests_per_ip: countLimit(600).describe(
      'API requests per minute and address; the Unix socket is exempt.',
    ),
    clients_per_user: countLimit(50).describe(
      'Apps of one account that are remembered (XEP-0388); the one not seen for longest gives way.',
    ),
    tokens_per_user: countLimit(50).describe('API tokens of one account.'),
    later_pending: countLimit(4).describe('Requests of one session that may wait for slow work at a time.'),
    later_queue: countLimit(1000).describe('Requests that may wait for slow work in all.'),
    write_lock_wait: durationLimit('10s').describe(
      'How long messages wait, unacknowledged, while another process (a backup, sqlite3) holds the write lock of the database; then they are refused.',
    ),
    setup_link: durationLimit('24h').describe(
      'How long the link for the first administrator holds that a start prints while there is none.',
    ),
    invites_per_user: countLimit(20).describe('Invitations of one account that may hold at a time.'),
    invites: countLimit(10_000).describe('Invitations in all.'),
    commands_per_session: countLimit(5).describe(
      'Ad-hoc commands that one session may have under way (XEP-0050); the oldest gives way.',
    ),
    command_timeout: durationLimit('10m').describe('How long an ad-hoc command waits for its next form.'),
    command_accounts: countLimit(50).describe('Accounts that one ad-hoc command may change at a time.'),
    idempotency_keep: durationLimit('24h').describe(
      'How long the answer to a request with an Idempotency-Key is kept.',
    ),
    idempotency_keys: countLimit(1000).describe(
      'Such answers of one account or token that are kept; beyond it the oldest goes.',
    ),
    origin_id_keep: durationLimit('24h').describe(
      'How long a repeated message is recognised by its origin-id.',
    ),
    origin_ids: countLimit(1_000_000).describe(
      'Stored messages that are recognised so, in 16 to 32 bytes of memory each; beyond it the oldest is forgotten.',
    ),
  })
  .prefault({})
