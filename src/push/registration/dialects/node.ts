/**
 * The node that a command of ours gives out is the registration itself, so that nothing has to be kept until the app
 * enables it, and an app that never asks again is served for ever: `<token>[.<PushKit token>][@<topic>][#<device>]`.
 * A bare token is such a node too.
 */
export interface PushNode {
  /** 'fcm', marked by `fcm!` in front; Apple's where nothing is said. */
  readonly kind?: 'fcm' | undefined
  readonly token: string
  readonly voipToken?: string | undefined
  readonly topic?: string | undefined
  /** The app's own name of the device. */
  readonly device?: string | undefined
}

const NODE = /^([0-9a-f]{32,400})(?:\.([0-9a-f]{32,400}))?(?:@([^#]{1,255}))?(?:#(.{1,300}))?$/

const FCM_NODE = /^fcm!([\w:-]{32,4096})(?:@([^#]{1,255}))?(?:#(.{1,300}))?$/

/** Undefined where the node is not one of ours. */
export function readNode(node: string): PushNode | undefined {
  const google = FCM_NODE.exec(node)
  if (google) {
    const [, token = '', topic, device] = google
    return { kind: 'fcm', token, topic, device: device === undefined ? undefined : decoded(device) }
  }
  const parts = NODE.exec(node)
  if (!parts) return undefined
  const [, token = '', voipToken, topic, device] = parts
  return { token, voipToken, topic, device: device === undefined ? undefined : decoded(device) }
}

/** Of Apple's tokens in lower-case hexadecimal digits, or of Google's. */
export function writeNode({ kind, token, voipToken, topic, device }: PushNode): string {
  return [
    kind === undefined ? '' : `${kind}!`,
    token,
    voipToken === undefined ? '' : `.${voipToken}`,
    topic === undefined ? '' : `@${topic}`,
    device === undefined ? '' : `#${encodeURIComponent(device)}`,
  ].join('')
}

/** A node that was written by hand may be no base64; then it names no device. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
