/** The least that an app can send: the node is the token, or what a command of ours gave out. Last of all, for what no other dialect knows. */
import { readNode } from './node.ts'
import { environmentOf, type EnableDialect, text } from './wanted.ts'

export const plain: EnableDialect = (enable, form) => {
  const { node } = enable.attrs
  if (!node) return undefined
  const parts = readNode(node)
  return {
    ...(parts?.kind ? { kind: parts.kind, deviceId: parts.device } : {}),
    token: parts?.token ?? node,
    tokenField: 'node',
    topic: text(form, 'topic') ?? parts?.topic,
    environment: environmentOf(text(form, 'mode') ?? text(form, 'environment')),
    options: {},
  }
}
