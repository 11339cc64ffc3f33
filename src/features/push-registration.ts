/**
 * Push Notifications (XEP-0357 §5, §6): every dialect in which apps register ends in the one device table. What each
 * of them says is read in push/dialects; here is who may, and what is kept.
 */
import type { Config } from '../config/config.ts'
import {
  FCM_COMMANDS,
  PUSH_COMMANDS,
  readRegisterPush,
  readUnregisterPush,
} from '../push/registration/dialects/conversations.ts'
import { readEnable } from '../push/registration/dialects/enable.ts'
import { readNode, writeNode } from '../push/registration/dialects/node.ts'
import { P1_PUSH, readP1Disable, readP1Push } from '../push/registration/dialects/p1.ts'
import {
  readTigaseDevice,
  TIGASE_FEATURES,
  TIGASE_PAYLOAD,
  TIGASE_SERVICE_FEATURES,
} from '../push/registration/dialects/tigase.ts'
import { ask, done, note } from '../accounts/commands.ts'
import { tellOfTheDead } from '../push/registration/dead.ts'
import { ownService, pushIsOn, readToken, registerWanted, unregister } from '../push/registration/register.ts'
import type { Feature, Service } from '../routing/feature.ts'
import type { Session } from '../routing/session.ts'
import type { Command, Done, Transit, Trip } from '../routing/transit.ts'
import { isAwaited, isOwn, meet } from '../push/registration/whose.ts'
import type { Device } from '../store/devices.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { type Field, type FormValues, writeForm } from '../xmpp/forms.ts'
import { NS } from '../xmpp/namespaces.ts'
import { mayBounce, readJid } from '../xmpp/stanza.ts'
import { type Element, firstElement, xml } from '../xmpp/xml.ts'

/** The push service as an item below the server, for apps that look for one. */
const SERVICE_NODE = 'push'
const SECRET_BYTES = 12

export function pushRegistration(config: Config): Feature {
  const base = { name: 'push-registration', xeps: [{ number: 357, version: '0.4.1' }] } as const
  const iq = {
    // COMPAT(XMPPFramework, 4.x): sent without `to`, which means the own account.
    [`account set {${NS.push}}enable`]: enable,
    [`account set {${NS.push}}disable`]: disable,
    [`account set {${P1_PUSH}}push`]: enableP1,
    [`account set {${P1_PUSH}}disable`]: disableP1,
  }
  if (!pushIsOn(config)) return { ...base, iq }
  // A registration by HTTP may come before the session that it is for. A later trip: a binding must not fail with it.
  const opened = (t: Trip, session: Session): void => {
    if (isAwaited(t, session)) t.insist((next) => meet(next, session))
  }
  const providers = providersOf(config)
  return {
    ...base,
    iq,
    started: tellOfTheDead,
    opened,
    // COMPAT(XMPPFramework, XMPPProcessOne): looks for this before it says that push is supported.
    streamFeatures: (s) => (s.authenticated ? [xml('push', { xmlns: P1_PUSH })] : []),
    commands: commands(config),
    service,
    disco: {
      server: [NS.push, ...providers],
      account: [NS.push, ...TIGASE_FEATURES],
      identities: [{ of: 'server', category: 'pubsub', type: 'push', name: 'Push' }],
      serverNodes: {
        items: (t, node) => (node === undefined ? [serviceItem(t)] : undefined),
        info: (_, node) => (node === SERVICE_NODE ? serviceInfo(providers) : undefined),
      },
    },
  }
}

/** Requests of apps to a push service; what is the host's own business, such as registration, is not answered there. */
const ASKED: ReadonlySet<string> = new Set([NS.discoInfo, NS.discoItems, NS.commands, NS.ping])

/** push.<host>, where apps register: another name of the host for what they ask. */
const service: Service = {
  name: 'Push',
  domainOf: (host) => `push.${host}`,
  receive(t, to) {
    const { stanza } = t
    if (
      stanza.isRequest &&
      to.local === '' &&
      to.isBare &&
      ASKED.has(firstElement(stanza.el)?.attrs.xmlns ?? '')
    )
      return t.world.answerAsHost(t)
    if (stanza.isRequest || (stanza.kind === 'message' && mayBounce('message', stanza.type)))
      throw new StanzaError('service-unavailable')
  },
}

/** Names of providers in the apps of the configuration, or in those that try the simulator. */
function providersOf({ push }: Config): string[] {
  const named = push.apps.flatMap(({ providers }) => providers)
  return [...new Set(push.apps.length > 0 ? named : ['tigase:messenger:apns:1', 'snikket:apns:1'])]
}

const serviceItem = (t: Transit): Element =>
  xml('item', { jid: t.stanza.to?.domain, node: SERVICE_NODE, name: 'Push' })

const serviceInfo = (providers: readonly string[]): Element[] => [
  xml('identity', { category: 'pubsub', type: 'push', name: 'Push' }),
  ...[NS.push, NS.commands, ...providers].map((name) => xml('feature', { var: name })),
]

function enable(t: Transit, el: Element): undefined {
  const { jid, node } = el.attrs
  if (!jid) throw new StanzaError('bad-request', 'jid: the push service is missing.')
  const service = ownService(t, jid)
  const wanted = readEnable(el)
  registerWanted(t, { ...wanted, topic: wanted.topic ?? service.topic }, service.jid, node)
}

function disable(t: Transit, el: Element): undefined {
  const { jid, node } = el.attrs
  if (!jid) throw new StanzaError('bad-request', 'jid: the push service is missing.')
  const service = readJid(jid).toString()
  unregister(
    t,
    t.account,
    (device) => device.service === service && (node === undefined || device.node === node),
  )
}

/** The name of the application may be a topic; else it is the old server's own. */
function enableP1(t: Transit, el: Element): undefined {
  const { appId, ...wanted } = readP1Push(el)
  const topic = t.config.push.apps.find((app) => app.topic === appId)?.topic
  registerWanted(t, { ...wanted, topic }, P1_PUSH, undefined)
}

/** Without a word which device is meant: that of this session, or the only one that there is. */
function disableP1(t: Transit, el: Element): undefined {
  const { origin } = t
  const endpoint = readP1Disable(el)
  if (endpoint !== undefined) {
    const address = URL.parse(endpoint)?.href
    unregister(t, t.account, (device) => device.kind === 'webpush' && device.address === address)
    return
  }
  const all = t.store.push.devices.of(t.account.id).filter(({ service }) => service === P1_PUSH)
  const own = all.filter((device) => origin && isOwn(t, t.account, origin, device))
  const meant = own.length > 0 || all.length !== 1 ? own : all
  if (meant.length > 0) remove(t, meant)
}

function remove(t: Transit, gone: readonly Device[]): void {
  unregister(t, t.account, (device) => gone.includes(device))
}

const textField = (name: string, label: string, required = true): Field => ({
  name,
  type: 'text-single',
  label,
  ...(required ? { required } : {}),
})

const PROVIDER = textField('provider', 'Provider')
const TOKEN = textField('device-token', 'Device token')
const DEVICE_ID = textField('device-id', 'Device id', false)

const commands = ({ push }: Config): readonly Command[] => [
  command(
    'register-device',
    'Register a device for push',
    [PROVIDER, TOKEN, textField('device-second-token', 'PushKit token', false)],
    registerTigase,
  ),
  command('unregister-device', 'Unregister a device', [PROVIDER, TOKEN], unregisterTigase),
  ...pushCommands('apns', 'Apple push', PUSH_COMMANDS),
  ...(push.fcm.length > 0 ? pushCommands('fcm', 'Google push', FCM_COMMANDS) : []),
]

const pushCommands = (
  kind: 'apns' | 'fcm',
  what: string,
  names: { readonly register: string; readonly unregister: string },
): readonly Command[] => [
  command(
    names.register,
    `Register for ${what}`,
    [textField('token', 'Device token'), DEVICE_ID, textField('topic', 'App', false)],
    (t, values) => registerPush(t, values, kind),
  ),
  command(names.unregister, `Unregister from ${what}`, [DEVICE_ID], (t, values) =>
    unregisterPush(t, values, kind),
  ),
]

/** Apps send the form with their first request; whoever does not is shown it. */
function command(
  node: string,
  name: string,
  fields: readonly Field[],
  submit: (t: Transit, values: FormValues) => Done,
): Command {
  return {
    node,
    name,
    may: (t) => t.origin !== undefined,
    start: (t, values) => (values ? submit(t, values) : ask(writeForm('form', node, fields, name), submit)),
  }
}

/** COMPAT(Siskin, Snikket for iOS): nothing rings before the node is enabled with its filters and its key. */
function registerTigase(t: Transit, values: FormValues): Done {
  const { provider, ...device } = readTigaseDevice(values)
  const token = readToken(device.token, 'device-token')
  const voipToken =
    device.voipToken === undefined ? undefined : readToken(device.voipToken, 'device-second-token')
  const node = writeNode({ token, voipToken, topic: topicOf(t, provider) })
  const fields: Field[] = [
    { name: 'node', type: 'text-single', values: [node] },
    { name: 'features', type: 'text-multi', values: TIGASE_SERVICE_FEATURES },
    { name: 'max-payload-size', type: 'text-single', values: [String(TIGASE_PAYLOAD)] },
  ]
  return done(writeForm('result', 'register-device', fields))
}

/** The topic of the one app with this provider; undefined leaves it to the service's name. */
function topicOf(t: Transit, provider: string | undefined): string | undefined {
  if (provider === undefined) return undefined
  const { apps } = t.config.push
  const topics = apps
    .filter((app) => app.topic === provider || app.providers.includes(provider))
    .map(({ topic }) => topic)
  const [only, second] = new Set(topics)
  return second === undefined ? only : undefined
}

function unregisterTigase(t: Transit, values: FormValues): Done {
  const token = readToken(readTigaseDevice(values).token, 'device-token')
  unregister(t, t.account, (device) => device.address === token)
  return done(note('info', 'The device is not rung any more.'))
}

function registerPush(t: Transit, values: FormValues, kind: 'apns' | 'fcm'): Done {
  const { deviceId, ...wanted } = readRegisterPush(values)
  const token = readToken(wanted.token, 'token', kind)
  const node = writeNode({
    ...(kind === 'fcm' ? { kind } : {}),
    token,
    topic: wanted.topic,
    device: deviceId,
  })
  const jid = (t.stanza.to ?? t.stanza.from).domain
  registerWanted(t, { ...wanted, kind: kind === 'apns' ? undefined : kind, deviceId }, jid, node)
  const fields: Field[] = [
    { name: 'jid', values: [jid] },
    { name: 'node', values: [node] },
    // Apps insist on one. The built-in service needs none: nobody else can publish to it.
    { name: 'secret', values: [t.world.random.bytes(SECRET_BYTES).toString('base64url')] },
  ]
  return done(writeForm('result', kind === 'fcm' ? FCM_COMMANDS.register : PUSH_COMMANDS.register, fields))
}

function unregisterPush(t: Transit, values: FormValues, kind: 'apns' | 'fcm'): Done {
  const { token, deviceId } = readUnregisterPush(values)
  const { devices } = t.store.push
  const own = devices.of(t.account.id).filter((device) => device.kind === kind)
  const gone = own.filter((device) =>
    token === undefined
      ? readNode(device.node ?? '')?.device === deviceId
      : device.address === readToken(token, 'token', kind),
  )
  if (gone.length === 0) throw new StanzaError('item-not-found', 'There is no such registration.')
  remove(t, gone)
  return done(note('info', 'The device is not rung any more.'))
}
