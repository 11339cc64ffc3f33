/** Ad-hoc commands as a client speaks them. */
import { child, children, type Element } from '../../src/xmpp/xml.ts'
import type { Actor } from './actor.ts'

export const COMMANDS = 'http://jabber.org/protocol/commands'
const FORMS = 'jabber:x:data'

export type Fields = Readonly<Record<string, string | readonly string[]>>

export function commandText(node: string, attrs: Record<string, string> = {}, fields?: Fields): string {
  const rest = Object.entries(attrs).map(([name, value]) => ` ${name}='${value}'`)
  return `<command xmlns='${COMMANDS}' node='${node}'${rest.join('')}>${fields ? submitted(fields) : ''}</command>`
}

function submitted(fields: Fields): string {
  const text = Object.entries(fields).map(
    ([name, values]) =>
      `<field var='${name}'>${[values]
        .flat()
        .map((value) => `<value>${value}</value>`)
        .join('')}</field>`,
  )
  return `<x xmlns='${FORMS}' type='submit'>${text.join('')}</x>`
}

/** The <command/> of an answer. */
export function commandOf(answer: Element): Element {
  const el = child(answer, 'command', COMMANDS)
  if (!el) throw new Error(`no command in ${answer.toString()}`)
  return el
}

/** Begins a command and submits its one form; returns the last <command/>. */
export async function runs(actor: Actor, node: string, fields: Fields, host = 'bix.org'): Promise<Element> {
  return commandOf(await submits(actor, node, fields, host))
}

/** The same, with the whole answer: a result or an error. */
export async function submits(
  actor: Actor,
  node: string,
  fields: Fields,
  host = 'bix.org',
): Promise<Element> {
  const first = commandOf(await actor.asks('set', commandText(node), host))
  return actor.asks('set', commandText(node, { sessionid: first.attrs.sessionid ?? '' }, fields), host)
}

/** The values of a result's field. */
export function resultOf(command: Element, field: string): string[] {
  const x = child(command, 'x', FORMS)
  const found = x && children(x, 'field').find((el) => el.attrs.var === field)
  return found ? children(found, 'value').map((value) => value.getText()) : []
}
