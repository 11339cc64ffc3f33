import { expect, test } from 'bun:test'
import type { LaneState } from '../../src/push/outbox/queue.ts'
import { rests, restsFor } from '../../src/push/diagnose/paused.ts'

const lane = (name: string, paused: string | null): LaneState => ({
  lane: name,
  waiting: 1,
  under_way: 0,
  paused,
  until: paused === null ? null : 1,
})
const lanes = [
  lane('webhook romeo@bix.org', 'retry'),
  lane('apns T/K production org.bix.chat', 'BadTopic'),
  lane('apns T/K sandbox org.bix.chat', null),
  lane('webhook juliet@bix.org', 'retry'),
  lane('webhook nurse@bix.org', null),
]
const told = (found: ReturnType<typeof rests>) => found.map(({ lane: at, reason }) => `${at}: ${reason}`)

test('the webhook is one line, however many accounts wait for it', () => {
  expect(told(rests(lanes))).toEqual([
    'webhook for 2 accounts: retry',
    'apns T/K production org.bix.chat: BadTopic',
  ])
})

test('who asks about an account hears nothing of what others wait for', () => {
  const apns = 'apns T/K production org.bix.chat: BadTopic'
  expect(told(restsFor('juliet@bix.org', lanes))).toEqual([apns, 'webhook juliet@bix.org: retry'])
  expect(told(restsFor('nurse@bix.org', lanes))).toEqual([apns])
})
