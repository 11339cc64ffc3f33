/**
 * Every route by every kind of caller: who gets in, what the answer must hold, and that nobody sees another's data.
 * A route without a row fails, so does a row without a route.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { policyOf } from '../../src/http/policy.ts'
import { ADMIN, basic, type Call, type HttpWorld, JULIET, ROMEO, startHttp } from './support.ts'

type Caller = 'guest' | 'self' | 'read' | 'admin' | 'operator'
const CALLERS: readonly Caller[] = ['guest', 'self', 'read', 'admin', 'operator']

interface Row {
  readonly route: string
  readonly path?: string
  readonly body?: unknown
  readonly form?: string
  /** Status by caller, in the order of CALLERS. */
  readonly status: readonly [number, number, number, number, number]
  readonly has?: string
  readonly hasNot?: string
}

const user = `/v1/users/${encodeURIComponent(JULIET)}`
const ROOM = 'verona@conference.bix.org'
const room = `/v1/rooms/${encodeURIComponent(ROOM)}`
const PRIVATE = 'juliet'

const ROWS: readonly Row[] = [
  { route: 'GET /livez', status: [200, 200, 200, 200, 200], has: 'ok', hasNot: 'wal' },
  { route: 'GET /readyz', status: [200, 200, 200, 200, 200], has: 'ready' },
  { route: 'GET /metrics', status: [401, 403, 403, 200, 200], has: 'belfry_sessions', hasNot: PRIVATE },
  {
    route: 'GET /v1/openapi.json',
    status: [200, 200, 200, 200, 200],
    has: '/v1/users/{jid}',
    hasNot: PRIVATE,
  },
  { route: 'GET /v1/docs', status: [200, 200, 200, 200, 200], has: '/v1/openapi.json', hasNot: PRIVATE },
  {
    route: 'GET /v1/docs/:chapter',
    path: '/v1/docs/tokens-of-nobody',
    status: [404, 404, 404, 404, 404],
    hasNot: PRIVATE,
  },
  { route: 'GET /v1/docs/style.css', status: [200, 200, 200, 200, 200] },
  { route: 'GET /v1/status', status: [401, 403, 403, 200, 200], has: '"accounts":', hasNot: PRIVATE },
  {
    route: 'GET /v1/doctor',
    path: '/v1/doctor?only=access',
    status: [401, 403, 403, 200, 200],
    has: '"summary":',
    hasNot: PRIVATE,
  },
  { route: 'GET /v1/users', status: [401, 403, 200, 200, 200], has: JULIET, hasNot: 'stored' },
  {
    route: 'POST /v1/users',
    body: { jid: 'tybalt@bix.org', password: 'prince of cats' },
    status: [401, 403, 403, 201, 409],
    hasNot: 'prince',
  },
  { route: 'GET /v1/users/:jid', path: user, status: [401, 403, 200, 200, 200], has: JULIET },
  {
    route: 'GET /v1/users/:jid/export',
    path: `${user}/export`,
    status: [401, 403, 403, 200, 200],
    has: 'scram-credentials',
  },
  {
    route: 'PUT /v1/users/:jid/password',
    path: `${user}/password`,
    body: { password: 'a new password' },
    status: [401, 403, 403, 200, 200],
    hasNot: 'new password',
  },
  {
    route: 'POST /v1/users/:jid/disable',
    path: `${user}/disable`,
    status: [401, 403, 403, 200, 200],
    has: 'true',
  },
  {
    route: 'POST /v1/users/:jid/enable',
    path: `${user}/enable`,
    status: [401, 403, 403, 200, 200],
    has: 'false',
  },
  {
    route: 'GET /v1/users/:jid/sessions',
    path: `${user}/sessions`,
    status: [401, 403, 200, 200, 200],
    has: 'items',
  },
  {
    route: 'DELETE /v1/users/:jid/sessions/:resource',
    path: `${user}/sessions/nowhere`,
    status: [401, 403, 403, 404, 404],
  },
  { route: 'DELETE /v1/users/:jid/sessions', path: `${user}/sessions`, status: [401, 403, 403, 200, 200] },
  {
    route: 'GET /v1/users/:jid/devices',
    path: `${user}/devices`,
    status: [401, 403, 403, 200, 200],
    has: 'items',
  },
  {
    route: 'DELETE /v1/users/:jid/devices/:id',
    path: `${user}/devices/9`,
    status: [401, 403, 403, 404, 404],
  },
  { route: 'GET /v1/me', status: [401, 200, 403, 403, 403], has: ROMEO, hasNot: PRIVATE },
  {
    route: 'PUT /v1/me/password',
    body: { password: 'correct horse' },
    status: [401, 200, 403, 403, 403],
    hasNot: PRIVATE,
  },
  { route: 'GET /v1/me/rooms', status: [401, 200, 403, 403, 403], has: 'items', hasNot: PRIVATE },
  { route: 'GET /v1/me/devices', status: [401, 200, 403, 403, 403], hasNot: PRIVATE },
  {
    route: 'POST /v1/me/devices',
    body: { token: 'ab'.repeat(32) },
    status: [401, 200, 403, 403, 403],
    hasNot: 'ab'.repeat(32),
  },
  {
    route: 'PATCH /v1/me/devices/:id',
    path: '/v1/me/devices/9',
    body: { muted: true },
    status: [401, 404, 403, 403, 403],
  },
  {
    route: 'POST /v1/me/devices/:id/tokens',
    path: '/v1/me/devices/9/tokens',
    body: { kind: 'widget', token: 'cd'.repeat(32) },
    status: [401, 404, 403, 403, 403],
    hasNot: 'cd'.repeat(32),
  },
  {
    route: 'DELETE /v1/me/devices/:id/tokens/:token',
    path: '/v1/me/devices/9/tokens/9',
    status: [401, 404, 403, 403, 403],
  },
  { route: 'DELETE /v1/me/devices/:id', path: '/v1/me/devices/9', status: [401, 404, 403, 403, 403] },
  { route: 'GET /v1/me/push-settings', status: [401, 200, 403, 403, 403], has: 'unknown_senders' },
  {
    route: 'PUT /v1/me/push-settings',
    body: { quiet: { from: '22:00', to: '07:00', zone: 'Europe/Rome' }, unknown_senders: false },
    status: [401, 200, 403, 403, 403],
    has: '22:00',
  },
  { route: 'GET /v1/me/apps', status: [401, 200, 403, 403, 403], has: 'items' },
  { route: 'DELETE /v1/me/apps/:id', path: '/v1/me/apps/9', status: [401, 404, 403, 403, 403] },
  { route: 'GET /v1/users/:jid/apps', path: `/v1/users/${JULIET}/apps`, status: [401, 403, 200, 200, 200] },
  {
    route: 'DELETE /v1/users/:jid/apps/:id',
    path: `/v1/users/${JULIET}/apps/9`,
    status: [401, 403, 403, 404, 404],
  },
  { route: 'GET /v1/me/tokens', status: [401, 200, 403, 403, 403], hasNot: PRIVATE },
  { route: 'POST /v1/me/tokens', body: { name: 'phone' }, status: [401, 201, 403, 403, 403], has: 'bfy_' },
  { route: 'DELETE /v1/me/tokens/:id', path: '/v1/me/tokens/999', status: [401, 404, 403, 403, 403] },
  {
    route: 'POST /v1/messages',
    body: { to: JULIET, body: 'wherefore' },
    status: [401, 403, 403, 202, 202],
    hasNot: 'wherefore',
  },
  { route: 'GET /v1/rooms', status: [401, 403, 403, 200, 200], has: 'items' },
  {
    route: 'POST /v1/rooms',
    body: { jid: ROOM, members: [{ jid: JULIET }] },
    status: [401, 403, 403, 201, 409],
  },
  { route: 'GET /v1/rooms/:jid', path: room, status: [401, 403, 403, 200, 200], has: '"settings":' },
  { route: 'PATCH /v1/rooms/:jid', path: room, body: { name: 'Ours' }, status: [401, 403, 403, 200, 200] },
  {
    route: 'PUT /v1/rooms/:jid/avatar',
    path: `${room}/avatar`,
    body: { image: null },
    status: [401, 403, 403, 200, 200],
  },
  {
    route: 'GET /v1/rooms/:jid/members',
    path: `${room}/members`,
    status: [401, 403, 403, 200, 200],
    has: JULIET,
  },
  { route: 'GET /v1/rooms/:jid/occupants', path: `${room}/occupants`, status: [401, 403, 403, 200, 200] },
  {
    route: 'POST /v1/rooms/:jid/members',
    path: `${room}/members`,
    body: { members: [{ jid: ROMEO }] },
    status: [401, 403, 403, 200, 200],
  },
  {
    route: 'PUT /v1/rooms/:jid/members/:user',
    path: `${room}/members/${encodeURIComponent(ROMEO)}`,
    body: {},
    status: [401, 403, 403, 200, 200],
  },
  {
    route: 'DELETE /v1/rooms/:jid/members/:user',
    path: `${room}/members/${encodeURIComponent(ROMEO)}`,
    status: [401, 403, 403, 204, 404],
  },
  {
    route: 'POST /v1/rooms/:jid/messages',
    path: `${room}/messages`,
    body: { body: 'wherefore' },
    status: [401, 403, 403, 202, 202],
    hasNot: 'wherefore',
  },
  {
    route: 'GET /v1/rooms/:jid/messages',
    path: `${room}/messages`,
    status: [401, 403, 403, 200, 200],
    has: 'wherefore',
  },
  { route: 'DELETE /v1/rooms/:jid', path: room, status: [401, 403, 403, 204, 404] },
  { route: 'POST /v1/push/test', body: { jid: JULIET }, status: [401, 403, 403, 200, 200], has: 'sent' },
  {
    route: 'POST /v1/push/send',
    body: { items: [{ to: { jid: JULIET }, type: 'alert', aps: { alert: 'wherefore' } }] },
    status: [401, 403, 403, 202, 202],
    has: '"refused":1',
    hasNot: 'wherefore',
  },
  {
    route: 'GET /v1/push/explain',
    path: `/v1/push/explain?jid=${encodeURIComponent(JULIET)}`,
    status: [401, 403, 403, 200, 200],
    has: '"findings":',
    hasNot: 'wherefore',
  },
  { route: 'GET /v1/push/queue', status: [401, 403, 403, 200, 200], has: '"queued":', hasNot: 'wherefore' },
  { route: 'GET /v1/push/payload.schema.json', status: [200, 200, 200, 200, 200], has: '"chat-id":' },
  { route: 'GET /v1/push/vapid', status: [404, 404, 404, 404, 404] },
  { route: 'POST /v1/push/vapid', status: [401, 403, 403, 200, 200], has: '"older":' },
  {
    route: 'GET /v1/push/channels',
    path: '/v1/push/channels?topic=org.bix.chat',
    status: [401, 403, 403, 409, 409],
  },
  {
    route: 'POST /v1/push/channels',
    body: { topic: 'org.bix.chat' },
    status: [401, 403, 403, 409, 409],
  },
  {
    route: 'GET /v1/push/channels/:channel',
    path: '/v1/push/channels/YQ==?topic=org.bix.chat',
    status: [401, 403, 403, 409, 409],
  },
  {
    route: 'DELETE /v1/push/channels/:channel',
    path: '/v1/push/channels/YQ==?topic=org.bix.chat',
    status: [401, 403, 403, 409, 409],
  },
  {
    route: 'POST /v1/push/channels/:channel/send',
    path: '/v1/push/channels/YQ==/send',
    body: { topic: 'org.bix.chat', aps: { event: 'update', 'content-state': {} } },
    status: [401, 403, 403, 409, 409],
  },
  { route: 'GET /v1/apps', status: [401, 403, 403, 200, 200], has: 'org.bix.chat' },
  { route: 'POST /v1/apps/check', status: [401, 403, 403, 200, 200], has: 'BadDeviceToken' },
  { route: 'POST /v1/webhook/replay', status: [401, 403, 403, 200, 200], has: '"replayed":0' },
  {
    route: 'POST /v1/register',
    body: { jid: 'paris@bix.org', password: 'long enough' },
    status: [403, 403, 403, 403, 403],
    hasNot: 'long enough',
  },
  { route: 'GET /v1/tokens', status: [401, 403, 403, 200, 200], hasNot: 'bfy_secret' },
  { route: 'POST /v1/tokens', body: { name: 'x', scopes: ['metrics'] }, status: [401, 403, 403, 201, 201] },
  { route: 'DELETE /v1/tokens/:id', path: '/v1/tokens/999', status: [401, 403, 403, 404, 404] },
  { route: 'GET /v1/audit', status: [401, 403, 403, 200, 200], has: 'items', hasNot: 'bfy_secret' },
  {
    route: 'POST /v1/bans',
    body: { address: '192.0.2.66' },
    status: [401, 403, 403, 201, 201],
    has: '192.0.2.66',
  },
  { route: 'GET /v1/bans', status: [401, 403, 403, 200, 200], has: 'items' },
  { route: 'DELETE /v1/bans/:address', path: '/v1/bans/192.0.2.1', status: [401, 403, 403, 404, 404] },
  { route: 'GET /v1/invites', status: [401, 403, 200, 200, 200], has: 'items', hasNot: 'preauth' },
  {
    route: 'POST /v1/invites',
    body: { inviter: JULIET },
    status: [401, 403, 403, 201, 201],
    has: '?roster;preauth=',
  },
  { route: 'DELETE /v1/invites/:id', path: '/v1/invites/999', status: [401, 403, 403, 404, 404] },
  { route: 'GET /invite/style.css', status: [200, 200, 200, 200, 200] },
  { route: 'GET /invite/bell.svg', status: [200, 200, 200, 200, 200] },
  { route: 'GET /invite/:token', path: '/invite/x', status: [404, 404, 404, 404, 404], hasNot: PRIVATE },
  {
    route: 'POST /invite/:token',
    path: '/invite/x',
    form: 'name=a&password=b',
    status: [403, 403, 403, 403, 403],
  },
  { route: 'GET /v1/uploads', status: [401, 403, 200, 200, 200], has: '"total_bytes":0', hasNot: PRIVATE },
  { route: 'GET /v1/backups', status: [401, 403, 403, 200, 200], has: '"items":[]', hasNot: PRIVATE },
  { route: 'POST /v1/config/reload', status: [401, 403, 403, 503, 503], hasNot: PRIVATE },
  { route: 'GET /v1/logs', status: [401, 403, 403, 503, 503], hasNot: PRIVATE },
  { route: 'GET /v1/certificates', status: [401, 403, 403, 503, 503], hasNot: PRIVATE },
  { route: 'POST /v1/certificates/renew', body: {}, status: [401, 403, 403, 503, 503], hasNot: PRIVATE },
  { route: 'POST /v1/certificates/reload', status: [401, 403, 403, 503, 503], hasNot: PRIVATE },
  {
    route: 'GET /.well-known/acme-challenge/:token',
    path: '/.well-known/acme-challenge/abc',
    status: [404, 404, 404, 404, 404],
  },
  { route: 'POST /v1/backups', body: {}, status: [401, 403, 403, 503, 503], hasNot: PRIVATE },
  {
    route: 'POST /v1/backups/:name/verify',
    path: '/v1/backups/belfry-20261130T150000Z/verify',
    status: [401, 403, 403, 404, 404],
  },
  {
    route: 'DELETE /v1/backups/:name',
    path: '/v1/backups/belfry-20261130T150000Z',
    status: [401, 403, 403, 404, 404],
  },
  { route: 'POST /v1/db/check', body: {}, status: [401, 403, 403, 202, 409], has: 'check' },
  { route: 'POST /v1/db/vacuum', status: [401, 403, 403, 409, 409] },
  { route: 'DELETE /v1/db/ballast', status: [401, 403, 403, 200, 200], has: '"bytes":0' },
  { route: 'GET /v1/jobs/:id', path: '/v1/jobs/1', status: [401, 403, 403, 200, 200], has: 'check' },
  { route: 'DELETE /v1/uploads/:id', path: '/v1/uploads/9', status: [401, 403, 403, 404, 404] },
  {
    route: 'DELETE /v1/uploads',
    path: `/v1/uploads?account=${JULIET}`,
    status: [401, 403, 403, 200, 200],
    has: '"files":0',
  },
  { route: 'GET /xmpp-websocket', status: [426, 426, 426, 426, 426], hasNot: PRIVATE },
  { route: 'GET /.well-known/host-meta', status: [404, 404, 404, 404, 404], hasNot: PRIVATE },
  { route: 'GET /.well-known/host-meta.json', status: [404, 404, 404, 404, 404], hasNot: PRIVATE },
  { route: 'POST /http-bind', status: [503, 503, 503, 503, 503], hasNot: PRIVATE },
  { route: 'OPTIONS /http-bind', status: [204, 204, 204, 204, 204], hasNot: PRIVATE },
  { route: 'GET /upload/:id/:name', path: '/upload/x/y', status: [404, 404, 404, 404, 404], hasNot: PRIVATE },
  { route: 'PUT /upload/:id/:name', path: '/upload/x/y', status: [404, 404, 404, 404, 404], hasNot: PRIVATE },
  { route: 'OPTIONS /upload/:id/:name', path: '/upload/x/y', status: [204, 204, 204, 204, 204] },
  { route: 'GET /', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/setup', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/login', status: [200, 200, 200, 200, 200], has: 'Password', hasNot: PRIVATE },
  { route: 'GET /invite/reset/:token', path: '/invite/reset/x', status: [404, 404, 404, 404, 404] },
  {
    route: 'POST /invite/reset/:token',
    path: '/invite/reset/x',
    form: 'password=x',
    status: [403, 403, 403, 403, 403],
    hasNot: PRIVATE,
  },
  { route: 'GET /admin/language', path: '/admin/language?to=zh-Hans', status: [303, 303, 303, 303, 303] },
  { route: 'GET /invite/language', path: '/invite/language?to=en', status: [303, 303, 303, 303, 303] },
  { route: 'GET /admin/style.css', status: [200, 200, 200, 200, 200] },
  { route: 'GET /admin/bell.svg', status: [200, 200, 200, 200, 200] },
  { route: 'GET /admin/admin.js', status: [200, 200, 200, 200, 200] },
  { route: 'GET /admin/events', status: [204, 204, 204, 204, 204], hasNot: PRIVATE },
  { route: 'GET /admin/try.js', status: [200, 200, 200, 200, 200] },
  { route: 'GET /admin/simulator', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/simulator/events', status: [204, 204, 204, 204, 204], hasNot: PRIVATE },
  { route: 'GET /admin/try', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/try/events', status: [204, 204, 204, 204, 204], hasNot: PRIVATE },
  { route: 'GET /admin/users', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/users/export', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/users/show', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/rooms', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/rooms/show', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/invites', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/tokens', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/bans', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/backups', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/config', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/about', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/backups/events', status: [204, 204, 204, 204, 204], hasNot: PRIVATE },
  { route: 'GET /admin/doctor', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/audit', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/logs', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'GET /admin/logs/events', status: [204, 204, 204, 204, 204], hasNot: PRIVATE },
  { route: 'GET /admin/certificates', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'POST /admin/certificates/renew', form: '', status: [403, 403, 403, 403, 403] },
  { route: 'POST /admin/certificates/reload', form: '', status: [403, 403, 403, 403, 403] },
  { route: 'GET /admin/uploads', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  {
    route: 'POST /admin/uploads/delete',
    form: 'id=1',
    status: [403, 403, 403, 403, 403],
  },
  {
    route: 'POST /admin/uploads/purge',
    form: 'account=x&sure=yes',
    status: [403, 403, 403, 403, 403],
  },
  { route: 'GET /admin/push', status: [303, 303, 303, 303, 303], hasNot: PRIVATE },
  { route: 'POST /admin/login', form: 'jid=a&password=b', status: [403, 403, 403, 403, 403] },
  ...[
    'users',
    'users/disable',
    'users/enable',
    'users/password',
    'users/delete',
    'users/kick',
    'users/forget',
    'users/ring',
    'users/reset',
    'invites',
    'invites/revoke',
    'tokens',
    'tokens/revoke',
    'bans',
    'bans/end',
    'backups',
    'backups/verify',
    'backups/delete',
    'rooms/delete',
    'push/check',
    'push/replay',
    'try',
    'try/end',
    'logout',
    'setup',
  ].map((name): Row => ({
    route: `POST /admin/${name}`,
    form: `jid=${encodeURIComponent(JULIET)}&password=x&sure=yes`,
    status: [403, 403, 403, 403, 403],
    hasNot: PRIVATE,
  })),
  { route: 'DELETE /v1/users/:jid', path: user, status: [401, 403, 403, 204, 404] },
  { route: 'DELETE /v1/me', status: [401, 204, 403, 403, 403] },
]

let world: HttpWorld
let credentials: Record<Caller, Call['as']>
beforeAll(async () => {
  // More rows than an address may ask for in a minute.
  world = await startHttp((config) => (config.limits.http_requests_per_ip = Infinity))
  credentials = {
    guest: 'guest',
    self: basic(ROMEO),
    read: await world.token('users:read'),
    admin: await world.token('admin'),
    operator: 'operator',
  }
})
afterAll(() => world[Symbol.dispose]())

test.each(ROWS.map((row) => [row.route, row] as const))('%s', async (_name, row) => {
  const [method = '', pattern = ''] = row.route.split(' ')
  for (const [i, caller] of CALLERS.entries()) {
    const answer = await world.call(method, row.path ?? pattern, {
      as: credentials[caller],
      body: row.body,
      ...(row.form === undefined
        ? {}
        : { raw: row.form, headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
    })
    const text = await answer.text()
    expect(`${caller} ${answer.status}`).toBe(`${caller} ${row.status[i]}`)
    const good = answer.status < 300
    if (good && row.has !== undefined) expect(text).toContain(row.has)
    if (row.hasNot !== undefined) expect(text).not.toContain(row.hasNot)
    if (!good && answer.status !== 303 && !/^\/(admin|invite)/.test(pattern)) {
      expect(answer.headers.get('content-type')).toContain('application/problem+json')
      expect(JSON.parse(text)).toMatchObject({
        status: answer.status,
        request_id: expect.any(String) as string,
      })
      // A refusal says nothing of whether the account exists.
      if (answer.status === 401 || answer.status === 403) expect(text).not.toContain(PRIVATE)
    }
  }
})

test('each route has a policy and a row, each row a route', () => {
  const middleware = (path: string) => path === '/*' || path === '*'
  const routes = world.app.routes.filter((r) => r.method !== 'ALL' || !middleware(r.path))
  const names = [...new Set(routes.map((r) => `${r.method} ${r.path}`))].sort()
  expect(names.filter((name) => !policyOf(name.split(' ')[0] ?? '', name.split(' ')[1] ?? ''))).toEqual([])
  expect(names).toEqual([...new Set(ROWS.map((row) => row.route))].sort())
})

test('a route that nobody declared is not there, though it was added', async () => {
  using own = await startHttp()
  own.app.get('/v1/secret', (c) => c.text('leak'))
  const answer = await own.call('GET', '/v1/secret', { as: 'operator' })
  expect(answer.status).toBe(404)
  expect(await answer.text()).not.toContain('leak')
})

test('the admin of the web is not by that an admin of the API', async () => {
  using own = await startHttp()
  expect((await own.call('GET', '/v1/users', { as: basic(ADMIN) })).status).toBe(403)
})
