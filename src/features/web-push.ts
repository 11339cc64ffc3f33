/** Web Push by XMPP: the key to subscribe with, and registrations of Push 2.0. Those of `p1:push` are push-registration's. */
import type { Config } from '../config/config.ts'
import { P1_WEBPUSH, PUSH2, readPush2 } from '../push/registration/dialects/web-push.ts'
import { ownService, registerWanted, unregister } from '../push/registration/register.ts'
import { isOwn } from '../push/registration/whose.ts'
import { WEB_TOPIC } from '../config/web-push.ts'
import type { Feature } from '../routing/feature.ts'
import type { Transit } from '../routing/transit.ts'
import { type Element, xml } from '../xmpp/xml.ts'

export function webPush(config: Config): Feature {
  const base = { name: 'web-push', xeps: [] } as const
  if (config.push.webpush.contact === undefined) return base
  return {
    ...base,
    iq: {
      [`server get {${P1_WEBPUSH}}services`]: services,
      [`account get {${P1_WEBPUSH}}services`]: services,
      [`account set {${PUSH2}}enable`]: enable,
      [`account set {${PUSH2}}disable`]: disable,
    },
    disco: { server: [P1_WEBPUSH], account: [PUSH2] },
  }
}

const services = (t: Transit): Element =>
  xml(
    'services',
    { xmlns: P1_WEBPUSH },
    xml('service', { vapid: t.store.vapidKeys.current(t.now).publicKey, appid: WEB_TOPIC }),
  )

function enable(t: Transit, el: Element): undefined {
  const { service, wanted } = readPush2(el)
  // We are the service: what would be told to it is posted at once.
  ownService(t, service, 'service')
  // A client has one registration, whose endpoint may have changed.
  registerWanted(t, wanted, PUSH2, PUSH2)
}

/** Of this client, whatever others of the account have. */
function disable(t: Transit): undefined {
  const { origin } = t
  if (!origin) return
  unregister(t, t.account, (device) => device.service === PUSH2 && isOwn(t, t.account, origin, device))
}
