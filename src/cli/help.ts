import type { Command } from 'commander'
import whyNoPush from '../docs/why-no-push.md' with { type: 'text' }
import api from '../docs/api.md' with { type: 'text' }
import apiOperations from '../docs/api-operations.md' with { type: 'text' }
import apnsKey from '../docs/apns-key.md' with { type: 'text' }
import apps from '../docs/apps.md' with { type: 'text' }
import backup from '../docs/backup.md' with { type: 'text' }
import capacity from '../docs/capacity.md' with { type: 'text' }
import certificates from '../docs/certificates.md' with { type: 'text' }
import gettingStarted from '../docs/getting-started.md' with { type: 'text' }
import firsts from '../docs/firsts.md' with { type: 'text' }
import groups from '../docs/groups.md' with { type: 'text' }
import metrics from '../docs/metrics.md' with { type: 'text' }
import install from '../docs/install.md' with { type: 'text' }
import migrating from '../docs/migrating.md' with { type: 'text' }
import network from '../docs/network.md' with { type: 'text' }
import performance from '../docs/performance.md' with { type: 'text' }
import pushRules from '../docs/push-rules.md' with { type: 'text' }
import pushSend from '../docs/push-send.md' with { type: 'text' }
import webPush from '../docs/web-push.md' with { type: 'text' }
import securityModel from '../docs/security-model.md' with { type: 'text' }
import troubleshooting from '../docs/troubleshooting.md' with { type: 'text' }
import webhook from '../docs/webhook.md' with { type: 'text' }
import xmppframework from '../docs/xmppframework.md' with { type: 'text' }
import { CliError, EXIT } from './exit.ts'
import { REFERENCES } from './reference.ts'
import type { ContextOf } from './context.ts'

/** Pages that are part of the program. */
export const TOPICS: Readonly<Record<string, { readonly title: string; readonly text: string }>> = {
  api: { title: 'the HTTP API: asking again, ETags, codes of refusals', text: api },
  'api-operations': { title: 'every operation of the HTTP API, with its verb', text: apiOperations },
  'apns-key': { title: 'a key of Apple’s, step by step', text: apnsKey },
  apps: { title: 'which apps ring, what they need and show', text: apps },
  backup: { title: 'backup and restore, a full disk, Litestream', text: backup },
  capacity: { title: 'limits, what happens at each, and how many phones', text: capacity },
  certificates: { title: 'own files, ACME, certbot, Caddy', text: certificates },
  firsts: { title: 'what no other server had, each with its test', text: firsts },
  'getting-started': { title: 'from a machine to a message: setup and doctor', text: gettingStarted },
  groups: { title: 'groups that your own back end makes', text: groups },
  install: { title: 'install, upgrade, remove; packages and Docker', text: install },
  metrics: { title: 'Prometheus, alerts, Grafana, and the log', text: metrics },
  migrating: { title: 'from ejabberd, Prosody and others, with old passwords', text: migrating },
  network: { title: 'DNS, firewalls, SELinux, proxies, calls', text: network },
  performance: { title: 'what a message costs, and how to measure it', text: performance },
  'push-rules': { title: 'what rings, and what does not', text: pushRules },
  'push-send': { title: 'pushes of your own back end: alerts, Live Activities, widgets', text: pushSend },
  'security-model': { title: 'who can do what', text: securityModel },
  troubleshooting: { title: 'by symptom', text: troubleshooting },
  'web-push': { title: 'browsers, UnifiedPush and Android: Web Push and FCM', text: webPush },
  webhook: { title: 'what your web server is told, and how', text: webhook },
  xmppframework: { title: 'XMPPFramework: settings, and push step by step', text: xmppframework },
  'why-no-push': { title: 'why did my phone not ring?', text: whyNoPush },
}

export function addHelp(program: Command, context: ContextOf): void {
  program
    .command('help [topic]')
    .description('pages on how to do things; without a topic the list of them')
    .action((topic: string | undefined) => {
      const { out } = context()
      if (topic === undefined) {
        const all = { ...TOPICS, ...REFERENCES }
        const rows = Object.entries(all).map(([name, { title }]) => ({ topic: name, title }))
        return out.table(rows, ['topic', 'title'])
      }
      const text = TOPICS[topic]?.text ?? REFERENCES[topic]?.text(program)
      if (text === undefined) throw new CliError(`no page "${topic}"; see: belfry help`, EXIT.notFound)
      out.text(text)
    })
}
