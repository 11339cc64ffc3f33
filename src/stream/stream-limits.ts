/** Limits of a client's stream before its login and after it. */
import type { Config } from '../config/config.ts'
import type { StreamLimits } from './stream.ts'

export function preauthLimits({ limits }: Config): StreamLimits {
  const { depth, attributes, namespaces } = limits
  const reader = {
    bytes: limits.preauth_stanza_bytes,
    elements: limits.preauth_elements,
    depth,
    attributes,
    namespaces,
  }
  return { reader, sendBuffer: limits.send_buffer_bytes }
}

export function boundLimits({ limits }: Config): StreamLimits {
  const { depth, attributes, namespaces, elements } = limits
  return {
    reader: { bytes: limits.stanza_bytes, elements, depth, attributes, namespaces },
    sendBuffer: limits.send_buffer_bytes,
  }
}
