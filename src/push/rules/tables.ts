/** The two tables of what rings, as rows for people: `belfry push rules` and the page of the documentation. */
import { PUSH_RULES } from './classify.ts'
import { AWAY, DECISION_RULES } from './decide.ts'

export interface RuleRow {
  readonly rule: string
  readonly does: string
  readonly what: string
  readonly [key: string]: unknown
}

/** Meaning of a stanza to a phone. */
export const messageRules = (): RuleRow[] =>
  PUSH_RULES.map(({ rule, kind, setting, what }) => ({
    rule,
    does: setting === undefined ? kind : `${kind} (push.${setting})`,
    what,
  }))

/** Whether one device is rung for what could ring. */
export const deviceRules = (): RuleRow[] => [
  ...DECISION_RULES.map(({ rule, verdict, what }) => ({ rule, does: verdict, what })),
  { rule: AWAY.rule, does: AWAY.verdict, what: 'Nothing of all that: it is rung' },
]
