/** The far end of NOTIFY_SOCKET, which is systemd's. */
import { expect } from 'bun:test'

/** A datagram reader in Python, since the runtime has none: prints each message as one JSON line. */
const READER = `
import socket, sys, json
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind('\\0' + name[1:] if name.startswith('@') else name)
print('bound', flush=True)
while True:
    print(json.dumps(s.recv(4096).decode()), flush=True)
`

export async function listenAt(path: string) {
  const reader = Bun.spawn(['python3', '-c', READER, path], { stdout: 'pipe' })
  const lines = linesOf(reader.stdout)
  expect((await lines.next()).value).toBe('bound')
  return {
    next: async () => JSON.parse((await lines.next()).value ?? '""') as string,
    [Symbol.dispose]: () => reader.kill(),
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  let rest = ''
  for await (const chunk of stream) {
    const parts = (rest + Buffer.from(chunk).toString()).split('\n')
    rest = parts.pop() ?? ''
    yield* parts
  }
  return undefined
}
