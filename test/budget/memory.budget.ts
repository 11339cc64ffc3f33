/** The footprint that the page on installing states, held by the executable: looked at once, when all are there. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'bun:test'
import page from '../../src/docs/install.md' with { type: 'text' }
import type { BenchClient } from '../bench/client.ts'
import { startServerUnderTest } from '../bench/server.ts'
import { grow, PER_ACCOUNT } from '../bench/sessions.ts'

/** The allocator's mood, and what has just been done and is not given back yet. */
const SLACK = 1.25
const SESSIONS = 1_000

/** Of a row of the page: memory of the process's own, and resident memory (MiB). */
function stated(row: string): [own: number, resident: number] {
  const [, own, resident] = new RegExp(`^\\| ${row} \\| (\\d+) MB \\| (\\d+) MB \\|$`, 'm').exec(page) ?? []
  if (own === undefined || resident === undefined) throw new Error(`the page has no row ${row}`)
  return [Number(own), Number(resident)]
}

function taken(pid: number): [own: number, resident: number] {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1024
  return [of('RssAnon'), of('VmRSS')]
}

function within(pid: number, row: string): void {
  const [own, resident] = taken(pid)
  const [mostOwn, mostResident] = stated(row)
  console.log(
    `  ${row}: ${own.toFixed(0)} and ${resident.toFixed(0)} MB; the page has ${mostOwn} and ${mostResident}`,
  )
  expect(own).toBeLessThanOrEqual(mostOwn * SLACK)
  expect(resident).toBeLessThanOrEqual(mostResident * SLACK)
}

test('a server at rest, and with 1,000 idle sessions, takes no more memory than the page says', async () => {
  const server = await startServerUnderTest({ accounts: SESSIONS / PER_ACCOUNT })
  const clients: BenchClient[] = []
  try {
    within(server.pid, 'at rest')
    await grow(server, clients, SESSIONS)
    within(server.pid, '1,000 idle sessions')
  } finally {
    for (const client of clients) client.cut()
    await server.stop()
  }
})
