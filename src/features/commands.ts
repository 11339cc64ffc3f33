/** Ad-Hoc Commands (XEP-0050): sessions of forms with the server; the commands themselves are other features'. */
import { badPayload } from '../accounts/commands.ts'
import type { Feature, Later } from '../routing/feature.ts'
import { later } from '../routing/feature.ts'
import { sessionState } from '../routing/session-state.ts'
import type { Ask, Command, SlowStep, Step, Transit } from '../routing/transit.ts'
import { StanzaError, type StanzaCondition } from '../xmpp/errors.ts'
import { type FormValues, readForm } from '../xmpp/forms.ts'
import { NS } from '../xmpp/namespaces.ts'
import { child, clone, type Element, xml } from '../xmpp/xml.ts'

const ACTIONS = new Set(['execute', 'cancel', 'prev', 'next', 'complete'])
const ID_BYTES = 12

/** §3.3: a command under way. It belongs to the session that began it and dies with it. */
interface Running {
  readonly id: string
  readonly command: Command
  /** The host that was asked. */
  readonly host: string
  /** The forms so far; the last one waits for its answer. */
  readonly steps: readonly Ask[]
  /** Of the last answer, ms since the epoch. */
  readonly since: number
}

const running = sessionState<ReadonlyMap<string, Running>>('commands')
const NONE: ReadonlyMap<string, Running> = new Map()

export const commands: Feature = {
  name: 'commands',
  xeps: [{ number: 50, version: '1.3.0' }],
  disco: {
    server: [NS.commands],
    serverNodes: {
      items: (t, node) => (node === NS.commands ? list(t) : undefined),
      info: describe,
    },
  },
  iq: { [`server set {${NS.commands}}command`]: execute },
}

/** §2.2: the commands that this requester may run. */
function list(t: Transit): Element[] {
  const jid = t.stanza.to?.domain
  return [...t.world.commands.values()]
    .filter((command) => command.hidden !== true && command.may(t))
    .map(({ node, name }) => xml('item', { jid, node, name }))
}

function describe(t: Transit, node: string): Element[] | undefined {
  const feature = (name: string) => xml('feature', { var: name })
  if (node === NS.commands)
    return [xml('identity', { category: 'automation', type: 'command-list' }), feature(NS.commands)]
  const command = t.world.commands.get(node)
  if (!command) return undefined
  if (!command.may(t)) throw new StanzaError('forbidden')
  const identity = xml('identity', { category: 'automation', type: 'command-node', name: command.name })
  return [identity, feature(NS.commands), feature(NS.forms)]
}

function execute(t: Transit, el: Element): Element | Later {
  const { node, action = 'execute', sessionid } = el.attrs
  if (!ACTIONS.has(action))
    throw refusal('bad-request', 'malformed-action', `${action.slice(0, 50)} is no action.`)
  const command = t.world.commands.get(node ?? '')
  if (!command) throw new StanzaError('item-not-found', 'There is no such command.')
  // Asked at every step: the right may have been taken away meanwhile.
  if (!command.may(t)) throw new StanzaError('forbidden')
  if (sessionid !== undefined) return goOn(t, el, find(t, command, sessionid), action)
  // A first request can only begin.
  if (action === 'cancel' || action === 'prev') throw refusal('bad-request', 'bad-action')
  const step = command.start(t, submitted(el))
  const begun: Running = {
    id: t.world.random.bytes(ID_BYTES).toString('base64url'),
    command,
    host: t.stanza.to?.domain ?? '',
    steps: [],
    since: t.now,
  }
  return answer(t, begun, step)
}

function goOn(t: Transit, el: Element, run: Running, action: string): Element | Later {
  if (action === 'cancel') {
    forget(t, run)
    return result(run, 'canceled')
  }
  const step = run.steps.at(-1)
  if (!step) throw refusal('bad-request', 'bad-sessionid')
  if (action === 'prev') return back(t, run)
  // §3.4: `next` and `complete` only where the step offers them; `execute` is whichever it offers.
  if ((action === 'next' && step.last) || (action === 'complete' && !step.last))
    throw refusal('bad-request', 'bad-action')
  const values = submitted(el)
  if (!values) throw badPayload('The form is missing.')
  const next = step.submit(t, values)
  return next.kind === 'slow' ? wait(run, next) : answer(t, run, next)
}

/** §3.5.1: a type of cancel counts as submit; every other type is no answer to a form. */
function submitted(el: Element): FormValues | undefined {
  const x = child(el, 'x', NS.forms)
  return x && (x.attrs.type === 'submit' || x.attrs.type === 'cancel') ? readForm(x) : undefined
}

/** The form waits as it is until the work is done: should that fail, it may be sent again. */
const wait = (run: Running, { work, then }: SlowStep): Later =>
  later(work, (t, value) => {
    if (!of(t).has(run.id))
      throw refusal('not-allowed', 'session-expired', 'The command was ended meanwhile.')
    return answer(t, run, then(t, value))
  })

/** §2.4.2: back to the form before, as it was. */
function back(t: Transit, run: Running): Element {
  if (run.steps.length < 2) throw refusal('bad-request', 'bad-action')
  const earlier = { ...run, steps: run.steps.slice(0, -1), since: t.now }
  keep(t, earlier)
  return formOf(earlier)
}

function answer(t: Transit, run: Running, step: Step): Element {
  if (step.kind === 'done') {
    forget(t, run)
    return result(run, 'completed', ...step.payload)
  }
  const next = { ...run, steps: [...run.steps, step], since: t.now }
  keep(t, next)
  return formOf(next)
}

/** §3.4: what may be done with the form that waits. */
function formOf(run: Running): Element {
  const step = run.steps.at(-1)
  const forward = step?.last === false ? 'next' : 'complete'
  const previous = run.steps.length > 1 ? xml('prev') : undefined
  const actions = xml('actions', { execute: forward }, previous, xml(forward))
  return result(run, 'executing', actions, ...(step ? [clone(step.form)] : []))
}

const result = ({ id, command }: Running, status: string, ...payload: Element[]): Element =>
  xml('command', { xmlns: NS.commands, node: command.node, sessionid: id, status }, ...payload)

/** @throws StanzaError when this session has no such command under way. */
function find(t: Transit, command: Command, id: string): Running {
  const run = of(t).get(id)
  if (!run || run.command !== command || run.host !== t.stanza.to?.domain)
    throw refusal('bad-request', 'bad-sessionid', 'There is no such command under way.')
  if (isOver(t, run)) {
    throw refusal('not-allowed', 'session-expired', 'That took too long; begin again.')
  }
  return run
}

const isOver = (t: Transit, { since }: Running): boolean => t.now - since > t.config.limits.command_timeout

function of(t: Transit): ReadonlyMap<string, Running> {
  if (!t.origin) throw new StanzaError('not-allowed')
  return running.get(t.origin) ?? NONE
}

/** Puts it behind the others; those that are over go, and beyond the limit the oldest. */
function keep(t: Transit, run: Running): void {
  const rest = [...of(t).values()].filter((other) => other.id !== run.id && !isOver(t, other))
  const limit = t.config.limits.commands_per_session
  change(t, [...rest, run].slice(-Math.min(limit, rest.length + 1)))
}

function forget(t: Transit, run: Running): void {
  change(
    t,
    [...of(t).values()].filter((other) => other.id !== run.id),
  )
}

function change(t: Transit, runs: readonly Running[]): void {
  const session = t.origin
  if (!session) throw new StanzaError('not-allowed')
  running.set(t, session, new Map(runs.map((run) => [run.id, run])))
}

/** §4.4: the application's own condition beside the stanza's. */
function refusal(condition: StanzaCondition, app: string, text?: string): StanzaError {
  return new StanzaError(condition, text, { app: xml(app, { xmlns: NS.commands }) })
}
