/** Contact Addresses for XMPP Services (XEP-0157): told in the server's disco#info. */
import type { Config } from '../config/config.ts'
import type { Feature } from '../routing/feature.ts'
import { writeForm } from '../xmpp/forms.ts'

const SERVER_INFO = 'http://jabber.org/network/serverinfo'

export const contact = (config: Config): Feature => {
  const fields = Object.entries(config.contact)
    .filter(([, values]) => values.length > 0)
    .map(([name, values]) => ({ name: `${name}-addresses`, type: 'list-multi', values }))
  return {
    name: 'contact',
    xeps: [{ number: 157, version: '1.1.1' }],
    disco: fields.length > 0 ? { forms: [writeForm('result', SERVER_INFO, fields)] } : {},
  }
}
