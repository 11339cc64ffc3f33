/**
 * Loaded before the server's own code (`bun --preload`): measures how long the loop is held, from inside. A timer of 1 ms
 * notes the longest time that it came late since somebody last asked at a socket beside it, and the CPU time spent then.
 */
import { rmSync } from 'node:fs'
import { createServer } from 'node:net'

const INTERVAL_MS = 1
let due = performance.now() + INTERVAL_MS
let cpu = process.cpuUsage()
let longest = 0
let busiest = 0

setInterval(() => {
  const late = performance.now() - due
  const { user, system } = process.cpuUsage(cpu)
  longest = Math.max(longest, late)
  // Where other processes take the core the loop is late by no fault of its own.
  busiest = Math.max(busiest, Math.min(late, (user + system) / 1000))
  cpu = process.cpuUsage()
  due = performance.now() + INTERVAL_MS
}, INTERVAL_MS).unref()

const path = process.env.LOOP_PROBE ?? ''
rmSync(path, { force: true })
createServer((socket) => {
  socket.end(JSON.stringify({ longest, busiest }))
  longest = busiest = 0
})
  .listen(path)
  .unref()
