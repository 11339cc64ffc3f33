/** The way to phones: apps and their keys, Apple, the queue, and the webhook. */
import { ringsSomething } from '../../config/web-push.ts'
import { checkApp } from '../../push/diagnose/check-app.ts'
import { CLOCK_TOLERANCE_MS } from '../../push/apns/probe.ts'
import { type DoctorCheck, type DoctorWorld, fail, ok, skip, some, unless, warn } from './check.ts'
import { touch } from './connect.ts'

export const PUSH_CHECKS: readonly DoctorCheck[] = [
  { id: 'apns.apps', needs: ['config'], look: apps },
  { id: 'apns.keys', needs: ['config'], look: keys },
  { id: 'apns.ids', needs: ['config'], look: ids },
  { id: 'apns.topics', needs: ['config'], look: topics },
  { id: 'apns.environment', needs: ['config'], look: environment },
  { id: 'apns.reached', needs: ['config', 'network'], look: reached },
  { id: 'apns.accepted', needs: ['config', 'network', 'server'], look: accepted },
  { id: 'apns.clock', needs: ['config', 'network', 'server'], look: clock },
  { id: 'apns.devices', needs: ['config', 'server'], look: devices },
  { id: 'push.queue', needs: ['server'], look: queue },
  { id: 'push.age', needs: ['server'], look: age },
  { id: 'push.rests', needs: ['server'], look: rests },
  { id: 'push.dead_letters', needs: ['server'], look: deadLetters },
  { id: 'webhook.url', needs: ['config'], look: webhook },
  { id: 'webhook.reached', needs: ['config', 'network'], look: webhookReached },
]

const OFF = 'no app is configured'

function apps({ config: { push } }: DoctorWorld) {
  if (push.simulator)
    return warn('pushes go to the simulator: no phone rings', 'remove simulator = true from [push]')
  if (!ringsSomething(push))
    return warn(
      `${OFF}, so no phone rings`,
      'name your app under [[push.apps]]; belfry setup --apns-key does',
    )
  return ok(
    some([
      ...push.apps.map(({ topic, environment: of }) => `${topic} (${of})`),
      ...push.fcm.map(({ topic }) => `${topic} (FCM)`),
      ...(push.webpush.contact === undefined ? [] : ['Web Push']),
    ]),
  )
}

async function keys({ config: { push }, now }: DoctorWorld) {
  if (push.apps.length === 0) return skip(OFF)
  const found = await Promise.all(
    push.apps.map((app) => checkApp(app, new Date(now), push.certificate_alarm)),
  )
  return unless(
    found.flat(),
    'each key and certificate can be used',
    fail,
    'get it anew from Apple, then belfry reload; see belfry app check',
  )
}

function ids({ config: { push } }: DoctorWorld) {
  const signed = push.apps.filter(({ key_file: file }) => file !== undefined)
  if (signed.length === 0) return skip('no app signs in by a key')
  const strange = signed.flatMap(({ topic, team_id: team = '', key_id: key = '' }) =>
    [team, key].filter((id) => !/^[A-Z0-9]{10}$/.test(id)).map((id) => `${id} of ${topic}`),
  )
  return unless(
    strange,
    'ids have the form that Apple gives',
    warn,
    'ten capital letters and digits: copy them from the developer account',
  )
}

function topics({ config: { push } }: DoctorWorld) {
  if (push.apps.length === 0) return skip(OFF)
  const strange = push.apps
    .map(({ topic }) => topic)
    .filter((topic) => !/^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/.test(topic) || /\.voip$/.test(topic))
  return unless(
    strange,
    'bundle ids',
    warn,
    'the topic is the bundle id of the app; that of calls is derived from it',
  )
}

function environment({ config: { push } }: DoctorWorld) {
  if (push.apps.length === 0) return skip(OFF)
  const alone = push.apps.filter(
    ({ environment: of, topic }) =>
      of === 'sandbox' && !push.apps.some((app) => app.topic === topic && app.environment === 'production'),
  )
  return unless(
    alone.map(({ topic }) => `${topic} rings builds from Xcode alone`),
    'apps of the App Store and TestFlight ring',
    warn,
    'add the same app with environment = "production"',
  )
}

const HOSTS = { production: 'api.push.apple.com', sandbox: 'api.sandbox.push.apple.com' }

async function reached({ config: { push } }: DoctorWorld) {
  if (push.apps.length === 0 || push.simulator) return skip('Apple is not needed')
  if (push.proxy !== undefined) return reachOf([new URL(push.proxy)])
  return reachOf(
    push.apps.map(({ endpoint, environment: of }) => new URL(endpoint ?? `https://${HOSTS[of]}`)),
  )
}

const portOf = ({ port, protocol }: URL): number => Number(port || (protocol === 'http:' ? 80 : 443))

async function reachOf(urls: readonly URL[]) {
  const places = [...new Map(urls.map((url) => [url.host, url])).values()]
  const troubles = await Promise.all(
    places.map((url) =>
      touch(url.hostname.replace(/^\[|\]$/g, ''), portOf(url)).then(
        () => [],
        (error: unknown) => [error instanceof Error ? error.message : String(error)],
      ),
    ),
  )
  return unless(
    troubles.flat(),
    some(places.map(({ host }) => host)),
    fail,
    'let this machine out to that port, and look at its DNS; or name a proxy: [push] proxy',
  )
}

async function accepted({ config: { push }, live }: DoctorWorld) {
  if (push.apps.length === 0 || !live) return skip(OFF)
  const found = await live.probe()
  if (found.length === 0) return skip('no provider runs')
  const bad = found
    .filter(({ result }) => result === 'failed')
    .map(({ topic, reason, meaning }) => `${topic}: ${reason ?? 'no answer'}, ${meaning}`)
  return unless(
    bad,
    'key, team and topic of each app are accepted',
    fail,
    'belfry app check tells each; belfry help why-no-push',
  )
}

async function clock({ config: { push }, live }: DoctorWorld) {
  if (push.apps.length === 0 || !live) return skip(OFF)
  const offset = (await live.probe())
    .map(({ clock_offset_seconds: seconds }) => seconds)
    .find((seconds) => seconds !== null)
  if (offset === undefined || offset === null) return skip('Apple told no time')
  return Math.abs(offset) * 1000 > CLOCK_TOLERANCE_MS
    ? fail(
        `this clock is ${Math.abs(offset)} s ${offset > 0 ? 'behind' : 'ahead'}`,
        'timedatectl set-ntp true',
      )
    : ok(`as Apple’s, within ${Math.abs(offset)} s`)
}

function devices({ config: { push }, live }: DoctorWorld) {
  if (push.apps.length === 0 && !push.simulator) return skip(OFF)
  const count = live?.devices ?? 0
  return count > 0
    ? ok(`${count} phones are registered`)
    : warn('no phone is registered', 'an app must enable push: belfry help why-no-push')
}

function queue({ config: { limits }, live }: DoctorWorld) {
  const waiting = live?.lanes.reduce((sum, lane) => sum + lane.waiting, 0) ?? 0
  return waiting > limits.push_queue / 2
    ? warn(`${waiting} pushes wait, and ${limits.push_queue} may`, 'belfry push queue')
    : ok(`${waiting} wait`)
}

function age({ config: { push }, live, now }: DoctorWorld) {
  const since = live?.oldestPush
  if (since === undefined) return ok('none is late')
  const seconds = Math.max(0, Math.floor((now - since) / 1000))
  return seconds * 1000 > push.alarm_after
    ? fail(`one waits for ${seconds} s`, 'belfry push queue')
    : ok(`the oldest waits for ${seconds} s`)
}

function rests({ live }: DoctorWorld) {
  const paused =
    live?.lanes
      .filter((lane) => lane.paused !== null)
      .map(
        ({ lane, paused: why, detail }) => `${lane}: ${why}${detail === undefined ? '' : `, ${detail}`}`,
      ) ?? []
  return unless(paused, 'nothing keeps pushes back', fail, 'belfry push queue; belfry help why-no-push')
}

function deadLetters({ live }: DoctorWorld) {
  const count = live?.deadLetters ?? 0
  return count > 0
    ? warn(`the webhook refused ${count} messages or events`, 'mend it, then belfry webhook replay')
    : ok('none')
}

function webhook({ config: { webhook: set } }: DoctorWorld) {
  if (set.url === undefined) return skip('there is no webhook')
  const { protocol } = new URL(set.url)
  if (protocol !== 'https:' && !set.allow_private)
    return fail('messages cross the network in the clear', 'use an https address for [webhook] url')
  const secret = set.format === 'json' ? set.secret_file : set.token_file
  return secret === undefined && set.secret_file === undefined
    ? warn('whoever knows the address can say that we said it', 'set [webhook] secret_file')
    : ok(set.format)
}

function webhookReached({
  config: {
    webhook: { url },
  },
}: DoctorWorld) {
  return url === undefined ? skip('there is no webhook') : reachOf([new URL(url)])
}
