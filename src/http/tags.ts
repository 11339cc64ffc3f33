/** The chapters of the API's description: which routes belong together. */

export const TAGS = [
  { name: 'users', description: 'Accounts, as the operator sees them', at: /^\/v1\/users\b/ },
  { name: 'me', description: 'An account, as its own apps see it', at: /^\/v1\/me\b/ },
  { name: 'registration', description: 'Accounts that people make themselves', at: /^\/v1\/register$/ },
  { name: 'invites', description: 'Invitations', at: /^\/v1\/invites\b/ },
  { name: 'messages', description: 'Messages of programs', at: /^\/v1\/messages$/ },
  { name: 'rooms', description: 'Groups that programs make and keep', at: /^\/v1\/rooms\b/ },
  { name: 'push', description: 'Apps, pushes and the webhook', at: /^\/v1\/(push|apps|webhook)\b/ },
  { name: 'files', description: 'Files that people send', at: /^\/(upload|v1\/uploads)\b/ },
  {
    name: 'access',
    description: 'Tokens of programs, addresses that are shut out, and who has changed what',
    at: /^\/v1\/(tokens|bans|audit)\b/,
  },
  {
    name: 'data',
    description: 'Backups, the database itself, and work that takes long',
    at: /^\/v1\/(backups|db|jobs)\b/,
  },
  {
    name: 'server',
    description: 'Health, figures, log, certificates, this description',
    at: /^\/(livez|readyz|metrics|v1\/status|v1\/doctor|v1\/logs|v1\/config\/reload|v1\/openapi\.json|v1\/certificates.*|\.well-known\/acme-challenge\/.*)$/,
  },
  {
    name: 'streams',
    description: 'XMPP by WebSocket and BOSH',
    at: /^\/(xmpp-websocket|http-bind|\.well-known\/host-meta(\.json)?)$/,
  },
] as const

/** @throws Error for a route without a chapter: it is a mistake of whoever adds it. */
export function tagOf(path: string): string {
  const tag = TAGS.find(({ at }) => at.test(path))
  if (!tag) throw new Error(`${path} belongs to no chapter of http/tags.ts`)
  return tag.name
}
