/** The configuration that a set-up writes: the sample in which every key is explained, with the operator's own in place. */
import { commentedSample } from '../../config/sample.ts'

export interface Wishes {
  readonly domain: string
  readonly admins: readonly string[]
  /** Paths as the server finds them. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly apns?: Apns | undefined
  /** Address for an authority that issues certificates by itself, to whose terms its owner has agreed. */
  readonly acme?: string | undefined
}

export interface Apns {
  readonly keyFile: string
  readonly keyId: string
  readonly teamId: string
  readonly topic: string
}

export function configText({ domain, admins, cert, key, apns, acme }: Wishes): string {
  let text = commentedSample({ hosts: [domain], data_dir: '/var/lib/belfry', admins })
  // JSON's strings are TOML's.
  const say = (name: string, value: string): string => `${name} = ${JSON.stringify(value)}`
  if (cert !== undefined && key !== undefined)
    text = text.replace(/^\[tls\]$/m, () => ['[tls]', say('cert', cert), say('key', key)].join('\n'))
  text = text.replace(/^\[backup\]$/m, () => `[backup]\n${say('every', '1d')}`)
  text = text.replace(/^\[contact\]$/m, () => `[contact]\nabuse = [${JSON.stringify(`abuse@${domain}`)}]`)
  if (acme !== undefined)
    text = text.replace(/^\[acme\]$/m, () => `[acme]\n${say('email', acme)}\nagree = true`)
  if (!apns) return text
  const table = [
    '[[push.apps]]',
    say('topic', apns.topic),
    say('team_id', apns.teamId),
    say('key_id', apns.keyId),
    say('key_file', apns.keyFile),
  ]
  return `${text}\n${table.join('\n')}\n`
}
