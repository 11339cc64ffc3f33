/** Files that people send: how fast they come in and go out, and what memory that takes. */
import type { Socket, TCPSocketConnectOptions } from 'bun'
import { readFileSync, writeFileSync } from 'node:fs'
import type { Bench, Figure } from './bench.ts'
import { BenchClient } from './client.ts'
import { freePort, startServerUnderTest, type ServerUnderTest } from './server.ts'

const UPLOAD = 'urn:xmpp:http:upload:0'
const MB = 1_000_000
/** One large file, and as many bytes in files that are on their way together. */
const SHAPES = [
  { shape: 'one of 512 MB', files: 1, size: 512 * MB },
  { shape: '8 of 64 MB at a time', files: 8, size: 64 * MB },
] as const
const ROUNDS = 5
const LIMITS = '[upload]\nmax_size = 0\naccount_bytes = 0\ntotal_bytes = 0\n'

interface Slot {
  readonly put: URL
  readonly get: URL
}

async function slotOf(client: BenchClient, size: number): Promise<Slot> {
  const answer = await client.ask(
    `<iq type='get' id='s' to='upload.localhost'><request xmlns='${UPLOAD}' filename='a.mov' size='${size}'/></iq>`,
    '</iq>',
  )
  const [put, get] = ['put', 'get'].map((name) => new RegExp(`<${name} url="([^"]+)"`).exec(answer)?.[1])
  if (!put || !get) throw new Error(`no slot: ${answer}`)
  return { put: new URL(put), get: new URL(get) }
}

const PIECE = Buffer.alloc(1 << 20, 'Arise, fair sun, and kill the envious moon. ')

/** One request on a connection of its own: `body` bytes are sent, what comes back is counted. */
function exchange(url: URL, head: string, body = 0): Promise<{ status: number; bytes: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; bytes: number }>()
  let left = body
  let begin: string | undefined = ''
  let [status, bytes] = [0, 0]
  const send = (socket: Socket): void => {
    while (left > 0) {
      const sent = socket.write(PIECE, 0, Math.min(left, PIECE.byteLength))
      left -= sent
      if (sent < PIECE.byteLength) return
    }
  }
  const options: TCPSocketConnectOptions<undefined> = {
    hostname: '127.0.0.1',
    port: Number(url.port),
    ...(url.protocol === 'https:' ? { tls: { rejectUnauthorized: false } } : {}),
    socket: {
      open(socket) {
        socket.write(
          `${head} ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: close\r\n` +
            `${body > 0 ? `Content-Length: ${body}\r\n` : ''}\r\n`,
        )
        send(socket)
      },
      drain: send,
      data(_socket, chunk) {
        bytes += chunk.byteLength
        if (begin === undefined) return
        begin += chunk.toString('latin1')
        const end = begin.indexOf('\r\n\r\n')
        if (end < 0) return
        status = Number(begin.split(' ')[1])
        bytes = begin.length - end - 4
        begin = undefined
      },
      close: () => resolve({ status, bytes }),
      error: (_socket, error) => reject(error),
    },
  }
  Bun.connect(options).catch(reject)
  return promise
}

async function put({ put: url }: Slot, size: number): Promise<void> {
  const { status } = await exchange(url, 'PUT', size)
  if (status !== 201) throw new Error(`not stored: ${status}`)
}

async function get({ get: url }: Slot, size: number): Promise<void> {
  const { status, bytes } = await exchange(url, 'GET')
  if (status !== 200 || bytes !== size) throw new Error(`not fetched: ${status}, ${bytes} bytes`)
}

const memory = (pid: number, key: 'VmRSS' | 'VmHWM'): number =>
  Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

/** MiB that the server has taken at most while `work` lasted, beyond what it had. */
async function extra(pid: number, work: () => Promise<void>): Promise<number> {
  // proc(5): sets the peak back to what there is now.
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
  const before = memory(pid, 'VmRSS')
  await work()
  return memory(pid, 'VmHWM') - before
}

/** Each shape on plain HTTP and in TLS; every round has files of its own. */
async function measured(what: 'upload' | 'download'): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const tls of [false, true]) {
    const http = tls ? `tls_listen = ["127.0.0.1:${await freePort()}"]` : ''
    const server = await startServerUnderTest({ accounts: 1, http, toml: LIMITS })
    try {
      for (const { shape, files, size } of SHAPES)
        figures.push(
          ...(await rounds(server, what, `${what}, ${shape}${tls ? ', TLS' : ''}`, files, size, tls)),
        )
    } finally {
      await server.stop()
    }
  }
  return figures
}

async function rounds(
  server: ServerUnderTest,
  what: 'upload' | 'download',
  figure: string,
  files: number,
  size: number,
  tls: boolean,
): Promise<Figure[]> {
  const client = await BenchClient.login(server.c2s, 'u0')
  // The first request builds the HTTP application.
  const small = await slotOf(client, 10)
  await put(small, 10)
  await get(small, 10)
  const [rates, extras, cpu]: [number[], number[], number[]] = [[], [], []]
  for (let round = 0; round < ROUNDS; round++) {
    const slots: Slot[] = []
    for (let i = 0; i < files; i++) slots.push(await slotOf(client, size))
    const putAll = async () => void (await Promise.all(slots.map((slot) => put(slot, size))))
    const getAll = async () => void (await Promise.all(slots.map((slot) => get(slot, size))))
    if (what === 'download') await putAll()
    const [from, busy] = [performance.now(), server.cpuMs()]
    extras.push(await extra(server.pid, what === 'upload' ? putAll : getAll))
    rates.push((files * size) / MB / ((performance.now() - from) / 1000))
    cpu.push(server.cpuMs() - busy)
    await server.operator('DELETE', '/v1/uploads?account=u0@localhost')
  }
  client.close()
  return [
    { figure, unit: 'MB/s', samples: rates, ...(tls ? {} : { least: 400 }) },
    { figure: `${figure}: extra memory`, unit: 'MiB', samples: extras, limit: 30 },
    { figure: `${figure}: server CPU`, unit: 'ms', samples: cpu },
  ]
}

export const uploadBench: Bench = {
  name: 'upload',
  what: 'files that are put, on the disk with the answer (XEP-0363)',
  run: () => measured('upload'),
}

export const downloadBench: Bench = {
  name: 'download',
  what: 'files that are fetched',
  run: () => measured('download'),
}
