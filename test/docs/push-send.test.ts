/** The page on pushes of a back end: each of its requests is taken and queued. */
import { expect, test } from 'bun:test'
import { TOPICS } from '../../src/cli/help.ts'
import { TOKEN_KINDS, TYPE_NAMES, TYPES } from '../../src/push/direct/types.ts'
import { cast, PUSH, registersForCalls } from '../support/phones.ts'
import { play } from '../support/world.ts'
import { items, registers } from '../http/push-send-support.ts'

const text = (TOPICS['push-send']?.text ?? '').replaceAll('example.org', 'bix.org')

test('every request of the page is queued', async () => {
  using p = play({ toml: PUSH })
  await cast(p)
  await registersForCalls(p, '1'.repeat(64), '2'.repeat(64))
  await registers(p, 'liveactivity-start', '3'.repeat(64), 'OrderAttributes')
  await registers(p, 'liveactivity', '4'.repeat(64), 'order-7')
  await registers(p, 'control', '5'.repeat(64), 'light')
  await registers(p, 'widget', '6'.repeat(64))
  await registers(p, 'ptt', '7'.repeat(64))
  const bodies = [...text.matchAll(/-d '(\{"items".*?)'\n/gs)].map(
    ([, body = '']) => JSON.parse(body) as { items: unknown[] },
  )
  expect(bodies.length).toBe((text.match(/v1\/push\/send" /g) ?? []).length)
  const sent = await items(
    p,
    bodies.flatMap((body) => body.items),
  )
  expect(sent.items.filter(({ result }) => result !== 'queued')).toEqual([])
})

test('its tables name every type and every kind of token', () => {
  const named = (name: string) => text.includes(`\`${name}\``)
  expect(TYPE_NAMES.filter((name) => !named(name))).toEqual([])
  expect(Object.keys(TOKEN_KINDS).filter((name) => !named(name))).toEqual([])
  for (const type of TYPE_NAMES) {
    const row = text
      .split('\n')
      .find((line) => line.split('|').length > 7 && line.split('|')[1]?.includes(`\`${type}\``))
    expect(row).toContain(`| ${TYPES[type].priorities.join(', ')} |`)
    expect(row).toContain(TYPES[type].bytes.toLocaleString('en'))
  }
})
