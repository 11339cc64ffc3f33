/** /v1/messages: a program sends as the server, or on behalf of an account. */
import { Stanza } from '../xmpp/stanza.ts'
import { Jid } from '../xmpp/jid.ts'
import { NS } from '../xmpp/namespaces.ts'
import { xml } from '../xmpp/xml.ts'
import { accountOf } from './accounts.ts'
import { claim } from './claim.ts'
import type { HttpDeps } from './deps.ts'
import { type App, route, scope } from './policy.ts'
import { HttpError } from './problem.ts'
import { addressSchema, keyHeader, text } from './fields.ts'
import { body, json, z } from './schemas.ts'

const newMessage = z.strictObject({
  from: addressSchema.optional().openapi({ description: 'An account or a host; else the first host.' }),
  to: addressSchema.openapi({ description: 'An account, or an address of a service of this server.' }),
  body: text(100_000),
  subject: text(1000).optional(),
  type: z.enum(['chat', 'normal', 'headline']).default('chat'),
  id: text(128).optional().openapi({
    description: 'Sent again within a day, it is not delivered twice; with another message it is refused.',
  }),
})

type NewMessage = z.infer<typeof newMessage>

export function addMessages(app: App): void {
  app.openapi(
    route(scope('messages:send'), {
      method: 'post',
      path: '/v1/messages',
      operationId: 'sendMessage',
      summary: 'Send a message; it is on disk when this answers',
      request: { headers: keyHeader, body: body(newMessage) },
      responses: { 202: json('Accepted', z.object({ id: z.string() })) },
    }),
    async (c) => {
      const { deps } = c.var
      if (!deps.online) throw new HttpError(503, 'server-needed', 'Start the server first: belfry serve')
      const message = c.req.valid('json')
      const from = sender(deps, message.from)
      const to = Jid.parse(message.to)
      // Whom there must be here; services and what is elsewhere answer for themselves.
      const { domains, homes } = deps.world
      if (!domains.serviceAt(to.domain) && homes.of(to) === 'here') accountOf(deps, to.bare)
      const onBehalf = from.local === '' ? 'server' : accountOf(deps, from.bare)
      const id = message.id ?? deps.world.random.uuid()
      if (message.id !== undefined) await claimFor(deps, from, to, { ...message, id: message.id })
      await deps.router.send(
        Stanza.make(
          'message',
          from,
          to,
          { type: message.type, id },
          message.subject === undefined ? undefined : xml('subject', {}, message.subject),
          xml('body', {}, message.body),
          xml('origin-id', { xmlns: NS.stanzaId, id }),
        ),
        onBehalf,
        (t) => deps.keep?.(t, 202, { id }),
      )
      return c.json({ id }, 202)
    },
  )
}

async function claimFor({ router }: HttpDeps, from: Jid, to: Jid, message: NewMessage & { id: string }) {
  const { id, type, subject = '', body: content } = message
  await router.run((t) => claim(t, { from: from.bare, to: to.bare, id }, [type, subject, content]))
}

function sender(deps: HttpDeps, from: string | undefined): Jid {
  const jid = Jid.parse(from ?? deps.world.config.hosts[0] ?? 'localhost')
  if (!deps.world.domains.hosts.has(jid.domain)) {
    throw new HttpError(422, 'foreign-sender', `${jid.domain} is not one of this server's hosts.`)
  }
  return jid
}
