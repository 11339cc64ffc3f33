/** /v1/docs: the API for people. */
import { expect, test } from 'bun:test'
import { features } from '../../src/features/index.ts'
import { PROBLEM_CODES } from '../../src/http/problem-codes.ts'
import { TAGS } from '../../src/http/tags.ts'
import { startHttp } from './support.ts'

const decoded = (html: string) =>
  html
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')

test('each operation stands in its chapter, with what it takes, answers and how it is asked', async () => {
  using w = await startHttp(() => {}, features)
  const described = (await (await w.call('GET', '/v1/openapi.json')).json()) as {
    paths: Record<
      string,
      Record<
        string,
        { operationId: string; tags: string[]; parameters?: { name: string }[]; responses: object }
      >
    >
  }
  const contents = await w.call('GET', '/v1/docs')
  expect(contents.headers.get('content-security-policy')).toContain("default-src 'none'")
  const index = await contents.text()
  for (const code of Object.keys(PROBLEM_CODES)) expect(index).toContain(`<code>${code}</code>`)
  const chapters = new Map<string, string>()
  for (const { name } of TAGS) {
    const answer = await w.call('GET', `/v1/docs/${name}`)
    const text = await answer.text()
    expect([name, answer.status, Buffer.byteLength(text) < 100 * 1024]).toEqual([name, 200, true])
    expect(text).not.toMatch(/<script|\sstyle=|\son\w+=|https?:\/\/(?!chat\.example\.org)[^"]*" *rel/)
    chapters.set(name, text)
  }
  expect(Buffer.byteLength(index)).toBeLessThan(100 * 1024)
  for (const [path, methods] of Object.entries(described.paths))
    for (const [method, { operationId, tags, parameters = [], responses }] of Object.entries(methods)) {
      expect(index).toContain(`/v1/docs/${tags[0]}#${operationId}"`)
      const part =
        new RegExp(`id="${operationId}">(.*?)</section>`, 's').exec(chapters.get(tags[0] ?? '') ?? '')?.[1] ??
        ''
      const text = decoded(part)
      expect(text).toContain(`<code>${method.toUpperCase()} ${path}</code>`)
      expect(text).toContain('curl ')
      for (const { name } of parameters) expect(text).toContain(`<code>${name}</code>`)
      for (const status of Object.keys(responses)) expect(text).toContain(`<code>${status}</code>`)
    }
  const first = decoded(chapters.get('users') ?? '')
  expect(first).toContain(`curl -X POST 'https://chat.example.org/v1/users'`)
  expect(first).toContain(`-H "Authorization: Bearer $TOKEN"`)
  expect((await w.call('GET', '/v1/docs/nowhere')).status).toBe(404)
})
