/** Monal: the node is the token, and the name of its push module ends in -sandbox for builds from Xcode. */
import { type EnableDialect, text } from './wanted.ts'

export const monal: EnableDialect = (enable, form) => {
  const pushModule = text(form, 'pushModule')
  const { node } = enable.attrs
  if (pushModule === undefined || !node) return undefined
  const environment = pushModule.endsWith('-sandbox') ? 'sandbox' : 'production'
  // Monal's notification extension fetches the message itself.
  return { token: node, tokenField: 'node', environment, accounts: 'many', options: { mutableContent: true } }
}
