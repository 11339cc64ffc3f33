/**
 * `npm run bench [-- NAME …]`: runs the benchmarks and writes each to bench-results/ as JSON, Markdown and a chart in SVG;
 * `-- --list` names them. `-- room --against PEER,…` and `-- messages --against PEER,…` measure other servers beside ours,
 * with a configuration of their own on loopback; their Debian packages have to be there.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { archiveBench, mamBench } from './archive.ts'
import { backupBench } from './backup.ts'
import { type Bench, median } from './bench.ts'
import { flatBench } from './flat.ts'
import { growthBench } from './growth.ts'
import { guessingBench } from './guessing.ts'
import { importBench } from './import.ts'
import { loginsBench } from './logins.ts'
import { messagesBench } from './messages.ts'
import { millionBench } from './million.ts'
import { fcmBench, webPushBench } from './others-latency.ts'
import { fcmRateBench, webPushRateBench } from './others-rate.ts'
import { namesBench } from './names.ts'
import { pushBench } from './push.ts'
import { pushRateBench } from './push-rate.ts'
import { chart, curves, markdown } from './report.ts'
import { relayBench } from './relay.ts'
import { roomBench, roomJoinBench, roomsBench } from './room.ts'
import { PEERS, roomAgainst } from './room-against.ts'
import { roomPushBench } from './room-push.ts'
import { roomReconnectBench } from './room-reconnect.ts'
import { COMMAND } from './server.ts'
import { resumeBench, sessionsBench } from './sessions.ts'
import { slowDiskBench } from './slow-disk.ts'
import { startBench } from './start.ts'
import { downloadBench, uploadBench } from './upload.ts'
import { walBench } from './wal.ts'

const BENCHES: readonly Bench[] = [
  startBench,
  relayBench,
  messagesBench(),
  loginsBench,
  namesBench,
  pushBench,
  webPushBench,
  fcmBench,
  pushRateBench,
  webPushRateBench,
  fcmRateBench,
  millionBench,
  archiveBench,
  mamBench,
  sessionsBench,
  resumeBench,
  flatBench,
  slowDiskBench,
  walBench,
  growthBench,
  guessingBench,
  roomBench,
  roomJoinBench,
  roomsBench,
  roomPushBench,
  roomReconnectBench,
  uploadBench,
  downloadBench,
  importBench,
  backupBench,
]

const words = process.argv.slice(2)
if (words.includes('--list')) {
  for (const { name, what } of BENCHES) console.log(`${name.padEnd(16)}${what}`)
  process.exit(0)
}
const against = words.indexOf('--against')
const wanted = against < 0 ? words : words.slice(0, against)
const peers = against < 0 ? [] : (words[against + 1] ?? '').split(',')
const unknown = [
  ...wanted.filter((name) => !BENCHES.some((bench) => bench.name === name)),
  ...peers.filter((name) => PEERS[name] === undefined),
  ...(peers.length > 0 && !['room', 'messages'].includes(wanted.join())
    ? ['beside others but room and messages']
    : []),
]
if (unknown.length > 0) {
  console.error(
    `no benchmark ${unknown.join(', ')}; there are: ${BENCHES.map(({ name }) => name).join(', ')}`,
  )
  process.exit(2)
}

const commit = Bun.spawnSync(['git', 'rev-parse', 'HEAD']).stdout.toString().trim()
const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryMiB: Math.round(totalmem() / 1024 / 1024),
  kernel: readFileSync('/proc/version', 'utf8').split(' ').slice(0, 3).join(' '),
  bun: Bun.version,
}
mkdirSync('bench-results', { recursive: true })
let missed = 0
const chosen =
  peers.length > 0
    ? [wanted[0] === 'room' ? roomAgainst(peers) : messagesBench(peers)]
    : BENCHES.filter(({ name }) => wanted.length === 0 || wanted.includes(name))
for (const bench of chosen) {
  console.log(`${bench.name}: ${bench.what}`)
  const figures = (await bench.run()).map((figure) => ({ ...figure, value: median(figure.samples) }))
  const command = `npm run bench -- ${peers.length > 0 ? words.join(' ') : bench.name}`
  const result = {
    bench: bench.name,
    what: bench.what,
    commit,
    machine,
    command,
    server: COMMAND.at(-1),
    figures,
  }
  writeFileSync(`bench-results/${bench.name}.json`, `${JSON.stringify(result, null, 2)}\n`)
  writeFileSync(`bench-results/${bench.name}.md`, `${bench.what}\n\n${markdown(figures)}`)
  const costs = figures.filter(({ unit }) => unit === 'µs')
  if (figures.some(({ at }) => at !== undefined))
    writeFileSync(`bench-results/${bench.name}.svg`, curves(bench.what, figures))
  else if (costs.length > 1) writeFileSync(`bench-results/${bench.name}.svg`, chart(bench.what, costs))
  for (const { figure, value, unit, limit, least } of figures) {
    const reached = (limit === undefined || value <= limit) && (least === undefined || value >= least)
    if (!reached) missed++
    const bound = limit === undefined ? `≥ ${least}` : `≤ ${limit}`
    const goal =
      limit === undefined && least === undefined
        ? ''
        : ` (must be ${bound}: ${reached ? 'reached' : 'NOT REACHED'})`
    console.log(`  ${figure}: ${value.toFixed(2)} ${unit}${goal}`)
  }
}
process.exit(missed > 0 ? 1 : 0)
