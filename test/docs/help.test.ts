import { expect, test } from 'bun:test'
import { EVENTS } from '../../src/config/events.ts'
import { TOPICS } from '../../src/cli/help.ts'
import { buildProgram } from '../../src/cli/program.ts'
import { REFERENCES } from '../../src/cli/reference.ts'
import { deviceRules, messageRules, type RuleRow } from '../../src/push/rules/tables.ts'
import { findings, type PushFacts } from '../../src/push/diagnose/findings.ts'

const page = TOPICS['why-no-push']?.text ?? ''

test('the page shows the finding that the program prints', () => {
  const sent = { verdict: 'sent', rule: 'body', reason: null }
  const facts: PushFacts = {
    target: 'services',
    running: true,
    disabled: false,
    devices: [{ id: 1, lastReason: null }],
    awake: [],
    paused: [],
    waiting: 0,
    verdicts: [sent],
  }
  expect(page).toContain(`  ${findings(facts)[0]}\n`)
  const others: [Partial<PushFacts>, string][] = [
    [{ target: 'off' }, 'Push is off'],
    [{ target: 'simulator' }, 'Pushes go to the simulator'],
    [{ paused: [{ lane: 'x', reason: 'Forbidden' }] }, 'Push rests at'],
    [{ devices: [] }, 'No device is registered'],
    [{ awake: ['desk'] }, 'is connected and takes messages'],
    [{ devices: [{ id: 1, lastReason: 'BadDeviceToken' }] }, 'Device 1: BadDeviceToken'],
    [{ waiting: 2 }, 'of its pushes wait for an answer'],
  ]
  for (const [change, words] of others) {
    expect(findings({ ...facts, ...change }).join('\n')).toContain(words)
    expect(page).toContain(words)
  }
})

const markdown = (rows: readonly RuleRow[]): string =>
  [
    '| Rule | Does | What |',
    '|---|---|---|',
    ...rows.map((row) => `| ${row.rule} | ${row.does} | ${row.what} |`),
  ].join('\n')

test('the page of what rings has the tables of the program', () => {
  const text = TOPICS['push-rules']?.text ?? ''
  // To mend it: what is expected goes between the two markers.
  const between = (name: string) => text.split(`<!-- ${name} -->\n`)[1]?.split(`\n<!-- /${name} -->`)[0]
  expect(between('messages')).toBe(markdown(messageRules()))
  expect(between('devices')).toBe(markdown(deviceRules()))
})

test('the page of the webhook names every event, and none that is not', () => {
  const rows = [...(TOPICS.webhook?.text ?? '').matchAll(/^\| ([a-z]+\.[a-z_., ]+) \|/gm)]
  expect(rows.flatMap((row) => row[1]?.split(', ') ?? [])).toEqual([...EVENTS])
})

test('every command that a page names is there', () => {
  const { program } = buildProgram()
  const verbs = program.commands.flatMap((noun) =>
    noun.commands.length === 0 ? [noun.name()] : noun.commands.map((verb) => `${noun.name()} ${verb.name()}`),
  )
  const text = Object.values(TOPICS).map((topic) => topic.text)
  const named = [...text.join().matchAll(/`belfry ([a-z][a-z-]*(?: [a-z][a-z0-9-]*)?)/g)].map(
    (match) => match[1] ?? '',
  )
  expect(named.length).toBeGreaterThan(5)
  const pages = Object.keys({ ...TOPICS, ...REFERENCES }).map((topic) => `help ${topic}`)
  expect(named.filter((name) => ![...verbs, ...pages].includes(name))).toEqual([])
})
