/**
 * XMPPFramework and ChatSecure: the token in a field of the form, the node a UUID that says nothing. What an app puts
 * into the form is its author's choice; these are the names in use. ChatSecure's `endpoint` names a server that relayed
 * pushes; here nothing is relayed.
 */
import { environmentOf, type EnableDialect, isTrue, text } from './wanted.ts'

export const xmppFramework: EnableDialect = (_, form) => {
  const token = text(form, 'token')
  if (token === undefined) return undefined
  return {
    token,
    tokenField: 'token',
    voipToken: text(form, 'voip_token'),
    topic: text(form, 'topic'),
    environment: environmentOf(text(form, 'mode') ?? text(form, 'environment')),
    // ChatSecure has several accounts; it alone names who shall relay.
    ...(text(form, 'endpoint') === undefined ? {} : { accounts: 'many' as const }),
    options: isTrue(text(form, 'silent')) ? { silent: true } : {},
  }
}
