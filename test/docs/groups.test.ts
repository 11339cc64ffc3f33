/** The page on groups: its requests do what it says. */
import { expect, test } from 'bun:test'
import { TOPICS } from '../../src/cli/help.ts'
import { features } from '../../src/features/index.ts'
import { startHttp } from '../http/support.ts'

const LINE =
  /^curl --unix-socket data\/admin\.sock (?:-X ([A-Z]+) )?http:\/\/localhost(\S+)(?:.*\\\n +-d '(.*)')?$/gm

test('every request of the page is taken, in its order', async () => {
  const text = TOPICS.groups?.text ?? ''
  // The hosts of these tests are others.
  const requests = [
    ...text.replaceAll('@localhost', '@bix.org').replaceAll('.localhost', '.bix.org').matchAll(LINE),
  ]
  expect(requests.length).toBe(text.match(/^curl /gm)?.length ?? 0)
  using w = await startHttp(() => {}, features)
  const statuses: number[] = []
  for (const [, method, path = '', body] of requests) {
    const verb = method ?? (body === undefined ? 'GET' : 'POST')
    const sent = body === undefined ? {} : { body: JSON.parse(body) as unknown }
    statuses.push((await w.call(verb, path, { as: 'operator', ...sent })).status)
  }
  expect(statuses).toEqual([201, 202, 200, 204, 204])
})
