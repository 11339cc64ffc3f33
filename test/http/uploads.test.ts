/** Files over HTTP (XEP-0363 §7): the two matrices of what may be put and what is fetched, and their headers. */
import { describe, expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { readAtMost } from '../../src/http/body.ts'
import { files, putsPieces } from '../support/uploads.ts'

const PNG = 'image/png'
const codeOf = async (answer: Response): Promise<string> => ((await answer.json()) as { code: string }).code
const put = (url: string, body: string, type?: string): Promise<Response> =>
  fetch(url, {
    method: 'PUT',
    body: Buffer.from(body),
    headers: type === undefined ? {} : { 'content-type': type },
  })

/** Sends raw bytes, then what `more` sends, and returns all that comes until the connection ends. */
function raw(port: number, bytes: string, more: (socket: Socket) => void = () => {}): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(bytes)
      more(socket)
    })
    socket.on('data', (data) => (text += data.toString()))
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })
}

describe('PUT', () => {
  test('what is put is on disk under a name of our own once 201 is there, and is fetched as it was', async () => {
    await using f = await files()
    const slot = await f.slot({ size: 5, type: PNG, name: 'très cool.png' })
    expect(f.onDisk()).toEqual([])
    const answer = await put(slot.put, 'hello', PNG)
    expect([answer.status, await answer.text()]).toEqual([201, ''])
    expect(f.onDisk()).toEqual([slot.get.split('/')[4] ?? ''])
    const got = await fetch(slot.get)
    expect([got.status, await got.text()]).toEqual([200, 'hello'])
    expect(f.p.world.store.uploads.total()).toBe(5)
  })

  test.each([
    ['one byte less', 'hell', 413, 'other-size'],
    ['one byte more', 'hello!', 413, 'other-size'],
    ['nothing', '', 413, 'other-size'],
  ])('%s than the slot is refused', async (_name, body, status, code) => {
    await using f = await files()
    const slot = await f.slot({ size: 5, type: PNG })
    const answer = await put(slot.put, body, PNG)
    expect([answer.status, await codeOf(answer)]).toEqual([status, code])
    expect(f.onDisk()).toEqual([])
    // The slot is as good as before.
    expect((await put(slot.put, 'hello', PNG)).status).toBe(201)
  })

  test('XEP-0363 §7: a body without a length is counted: too short, too long, right', async () => {
    await using f = await files()
    const slot = await f.slot({ size: 5 })
    const short = await putsPieces(slot.put, ['he', 'll'])
    expect([short.status, await codeOf(short)]).toEqual([400, 'too-short'])
    const long = await putsPieces(slot.put, ['hell', 'o!'])
    expect([long.status, await codeOf(long)]).toEqual([413, 'other-size'])
    expect(f.onDisk()).toEqual([])
    expect((await putsPieces(slot.put, ['he', 'll', 'o'])).status).toBe(201)
    expect(await (await fetch(slot.get)).text()).toBe('hello')
  })

  test.each([
    [PNG, PNG, 201, PNG],
    [PNG, 'IMAGE/PNG; x=1', 201, PNG],
    [PNG, undefined, 201, PNG],
    [PNG, 'application/octet-stream', 201, PNG],
    [PNG, 'application/x-www-form-urlencoded', 201, PNG],
    [PNG, 'no type', 201, PNG],
    [PNG, 'image/jpeg', 415, ''],
    [PNG, 'text/html', 415, ''],
    [undefined, undefined, 201, 'application/octet-stream'],
    [undefined, PNG, 201, PNG],
    [undefined, 'application/x-www-form-urlencoded', 201, 'application/octet-stream'],
    ['text/plain; charset=utf-8', 'text/plain', 201, 'text/plain; charset=utf-8'],
    ['x&#13;&#10;y: z', undefined, 201, 'application/octet-stream'],
  ])('a slot of the type %p, put as %p: %p and %p', async (of, as, status, shown) => {
    await using f = await files()
    const slot = await f.slot({ size: 5, ...(of === undefined ? {} : { type: of }) })
    const answer = await put(slot.put, 'hello', as)
    expect(answer.status).toBe(status)
    if (status === 201) expect((await fetch(slot.get)).headers.get('content-type')).toBe(shown)
    else expect(f.onDisk()).toEqual([])
  })

  test('twice: 409, and the first stays; while the first is under way as well', async () => {
    await using f = await files()
    const slot = await f.slot({ size: 5 })
    expect((await put(slot.put, 'hello')).status).toBe(201)
    expect((await put(slot.put, 'other')).status).toBe(409)
    expect(await (await fetch(slot.get)).text()).toBe('hello')
    const second = await f.slot({ size: 5 })
    const { promise: goOn, resolve } = Promise.withResolvers<void>()
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(Buffer.from('he'))
        await goOn
        controller.enqueue(Buffer.from('llo'))
        controller.close()
      },
    })
    const first = fetch(second.put, { method: 'PUT', body })
    while (f.onDisk().length < 2) await Bun.sleep(1)
    expect((await put(second.put, 'other')).status).toBe(409)
    resolve()
    expect((await first).status).toBe(201)
  })

  test('late: 410 once the slot is over, but an upload that began in time may take longer', async () => {
    await using f = await files()
    const [early, late] = [await f.slot({ size: 5 }), await f.slot({ size: 5 })]
    const { promise: goOn, resolve } = Promise.withResolvers<void>()
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(Buffer.from('he'))
        await goOn
        controller.enqueue(Buffer.from('llo'))
        controller.close()
      },
    })
    const slow = fetch(early.put, { method: 'PUT', body })
    while (f.onDisk().length < 1) await Bun.sleep(1)
    f.p.clock.advance(300_000)
    expect((await put(late.put, 'hello')).status).toBe(410)
    resolve()
    expect((await slow).status).toBe(201)
  })

  test('cut off: nothing is left, and the slot takes a second try', async () => {
    await using f = await files()
    const slot = await f.slot({ size: 5 })
    const { pathname, host } = new URL(slot.put)
    await raw(
      f.port,
      `PUT ${pathname} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 5\r\n\r\nhe`,
      async (socket) => {
        while (f.onDisk().length < 1) await Bun.sleep(1)
        socket.destroy()
      },
    )
    while (f.onDisk().length > 0) await Bun.sleep(1)
    while ((await put(slot.put, 'hello')).status === 409) await Bun.sleep(1)
    expect(await (await fetch(slot.get)).text()).toBe('hello')
  })

  test('a client that falls silent is let go, and nothing of it is left', async () => {
    await using f = await files('[limits]\nrates = false\nhttp_idle_timeout = "1s"\n')
    const slot = await f.slot({ size: 4 })
    const { pathname, host } = new URL(slot.put)
    const head = `PUT ${pathname} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\n\r\n`
    expect(await raw(f.port, `${head}he`)).not.toContain(' 201 ')
    while (f.onDisk().length > 0) await Bun.sleep(1)
    // So is one that has sent everything and asks for nothing more.
    expect(await raw(f.port, `${head}slow`)).toContain(' 201 ')
  })

  test('quotas: what is stored and what is under way, so that nobody gets past by many at a time', async () => {
    await using f = await files('[upload]\naccount_bytes = 10\n')
    const slots = [await f.slot({ size: 5 }), await f.slot({ size: 5 }), await f.slot({ size: 5 })]
    const answers = await Promise.all(slots.map(({ put: url }) => put(url, 'hello')))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 507])
    expect(f.p.world.store.uploads.total()).toBe(10)
    expect(f.onDisk().length).toBe(2)
    // Another account has its own.
    await f.stored('hello', { who: 'juliet@bix.org/balcony' })
  })

  test('all accounts together have a limit, and the disk keeps what the database needs', async () => {
    await using f = await files('[upload]\ntotal_bytes = 5\n')
    const [one, two] = [await f.slot({ size: 5 }), await f.slot({ size: 5 })]
    expect((await put(one.put, 'hello')).status).toBe(201)
    expect(await codeOf(await put(two.put, 'hello'))).toBe('no-room')
    await using g = await files('[upload]\nfree_bytes = "1000000GB"\n')
    const slot = await g.slot({ size: 5 })
    const full = await put(slot.put, 'hello')
    expect([full.status, g.onDisk()]).toEqual([507, []])
  })

  test('an unknown slot, the address of a stored file, packed bodies', async () => {
    await using f = await files()
    expect((await put(`http://127.0.0.1:${f.port}/upload/00/a.png`, 'hello')).status).toBe(404)
    const get = await f.stored('hello')
    expect((await put(get, 'other')).status).toBe(404)
    const { put: url } = await f.slot({ size: 5 })
    const packed = await fetch(url, { method: 'PUT', body: 'hello', headers: { 'content-encoding': 'gzip' } })
    expect(packed.status).toBe(415)
  })
})

describe('GET', () => {
  test('a slot that nobody has used, an unknown file, the key of a slot: nothing is there', async () => {
    await using f = await files()
    const slot = await f.slot({ size: 5 })
    for (const url of [slot.get, slot.put, `http://127.0.0.1:${f.port}/upload/00/a.png`])
      expect((await fetch(url)).status).toBe(404)
  })

  test('the id decides, whatever the name at the end is', async () => {
    await using f = await files()
    const get = await f.stored('hello', { name: 'a.png', type: PNG })
    const got = await fetch(get.replace('a.png', 'b.html'))
    expect([got.status, got.headers.get('content-type')]).toEqual([200, PNG])
    expect(got.headers.get('content-disposition')).toBe("inline; filename*=UTF-8''a.png")
  })

  test.each([
    ['bytes=0-', 206, '0-9', '0123456789'],
    ['bytes=0-1', 206, '0-1', '01'],
    ['bytes=3-5', 206, '3-5', '345'],
    ['bytes=9-', 206, '9-9', '9'],
    ['bytes=3-99', 206, '3-9', '3456789'],
    ['bytes=-3', 206, '7-9', '789'],
    ['bytes=-99', 206, '0-9', '0123456789'],
    ['bytes=10-', 416, '*', ''],
    ['bytes=-0', 416, '*', ''],
    ['bytes=5-3', 200, undefined, '0123456789'],
    ['bytes=-', 200, undefined, '0123456789'],
    ['bytes=a-b', 200, undefined, '0123456789'],
    ['lines=0-1', 200, undefined, '0123456789'],
    ['bytes=0-1,3-4', 200, undefined, '0123456789'],
  ])('Range: %s is answered with %p', async (range, status, part, text) => {
    await using f = await files()
    const get = await f.stored('0123456789', { type: 'video/mp4' })
    const got = await fetch(get, { headers: { range } })
    expect(got.status).toBe(status)
    expect(got.headers.get('content-range')).toBe(part === undefined ? null : `bytes ${part}/10`)
    expect(got.headers.get('accept-ranges')).toBe('bytes')
    if (status === 416) return
    expect([await got.text(), got.headers.get('content-length')]).toEqual([text, String(text.length)])
    expect(got.headers.get('content-type')).toBe('video/mp4')
  })

  test('HEAD tells what GET would, without the body and without parts', async () => {
    await using f = await files()
    const get = await f.stored('0123456789', { type: 'video/mp4' })
    const { pathname, host } = new URL(get)
    for (const range of ['', 'Range: bytes=0-1\r\n']) {
      const answer = await raw(
        f.port,
        `HEAD ${pathname} HTTP/1.1\r\nHost: ${host}\r\n${range}Connection: close\r\n\r\n`,
      )
      expect(answer).toStartWith('HTTP/1.1 200 ')
      expect(answer.toLowerCase()).toContain('\r\ncontent-length: 10\r\n')
      expect(answer.toLowerCase().match(/\r\ncontent-length/g)).toHaveLength(1)
      expect(answer.toLowerCase()).toContain('content-type: video/mp4\r\n')
      expect(answer).toEndWith('\r\n\r\n')
    }
  })

  test('If-Range gives the part of the file that it names alone; If-None-Match spares the body', async () => {
    await using f = await files()
    const get = await f.stored('0123456789')
    const etag = (await fetch(get)).headers.get('etag') ?? ''
    const range = 'bytes=0-1'
    const statusOf = async (headers: Record<string, string>) => (await fetch(get, { headers })).status
    expect(await statusOf({ range, 'if-range': etag })).toBe(206)
    expect(await statusOf({ range, 'if-range': '"other"' })).toBe(200)
    expect(await statusOf({ range, 'if-range': `W/${etag}` })).toBe(200)
    expect(await statusOf({ range, 'if-range': 'Wed, 21 Oct 2015 07:28:00 GMT' })).toBe(200)
    for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*'])
      expect(await statusOf({ 'if-none-match': tag })).toBe(304)
    expect(await statusOf({ 'if-none-match': '"x"' })).toBe(200)
  })

  test.each([
    ['a.html', 'text/html', 'attachment'],
    ['a.html', undefined, 'attachment'],
    ['a.svg', 'image/svg+xml', 'attachment'],
    ['a.xhtml', 'application/xhtml+xml', 'attachment'],
    ['a.xml', 'text/xml', 'attachment'],
    ['a.pdf', 'application/pdf', 'attachment'],
    ['a.js', 'text/javascript', 'attachment'],
    ['a.css', 'text/css', 'attachment'],
    ['a.html', 'text/plain', 'inline'],
    ['a.svg', PNG, 'inline'],
    ['a.jpg', 'image/jpeg', 'inline'],
    ['a.webp', 'image/webp', 'inline'],
    ['a.gif', 'image/gif', 'inline'],
    ['a.m4a', 'audio/mp4', 'inline'],
    ['a.mov', 'video/quicktime', 'inline'],
  ])('%s of the type %p is %s, and can do nothing in a browser', async (name, type, how) => {
    await using f = await files()
    const get = await f.stored('<script>alert(1)</script>', { name, ...(type === undefined ? {} : { type }) })
    const { headers } = await fetch(get)
    expect(headers.get('content-disposition')).toStartWith(`${how}; `)
    expect(headers.get('content-type')).toBe(type ?? 'application/octet-stream')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toStartWith("sandbox; default-src 'none';")
    expect(headers.get('content-security-policy')).not.toContain('script')
  })

  test.each([
    [`it's "x"; y.png`, 'it%27s%20%22x%22%3B%20y.png'],
    ['a&#13;&#10;Set-Cookie: x=y.png', 'aSet-Cookie%3A%20x%3Dy.png'],
    ['../../etc/passwd', 'passwd'],
    ['日本語.png', '%E6%97%A5%E6%9C%AC%E8%AA%9E.png'],
    ['ü'.repeat(127), '%C3%BC'.repeat(127)],
    ['100%.png', '100%25.png'],
  ])('the name %p is told in UTF-8 alone: %p', async (name, told) => {
    await using f = await files()
    const got = await fetch(await f.stored('hello', { name, type: PNG }))
    expect(got.status).toBe(200)
    expect(got.headers.get('content-disposition')).toBe(`inline; filename*=UTF-8''${told}`)
    expect(got.headers.get('set-cookie')).toBeNull()
  })

  test('a file that somebody has removed from the disk is not there', async () => {
    await using f = await files()
    const get = await f.stored('hello')
    await Bun.$`rm -r ${f.dataDir}/uploads`.quiet()
    expect((await fetch(get)).status).toBe(404)
  })
})

describe('pages of other origins', () => {
  const origin = 'https://web.example'
  const isShared = ({ headers }: Response): boolean => headers.get('access-control-allow-origin') === '*'

  test('may ask, put and fetch; every status says so', async () => {
    await using f = await files()
    const { put: url, get } = await f.slot({ size: 5, type: PNG })
    const preflight = await fetch(url, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'content-type',
      },
    })
    expect([preflight.status, isShared(preflight)]).toEqual([204, true])
    expect(preflight.headers.get('access-control-allow-methods')).toContain('PUT')
    expect(preflight.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('content-type')
    const sent = (body: string, type = PNG, method = 'PUT', to = url) =>
      fetch(to, { method, body, headers: { origin, 'content-type': type, 'sec-fetch-site': 'cross-site' } })
    const seen: number[] = []
    const note = async (answer: Promise<Response>): Promise<void> => {
      const got = await answer
      seen.push(got.status)
      expect([got.status, isShared(got)]).toEqual([got.status, true])
      expect(got.headers.get('cross-origin-resource-policy')).toBe('cross-origin')
    }
    await note(sent('hello!'))
    await note(sent('hello', 'image/gif'))
    await note(sent('hello'))
    await note(sent('hello'))
    await note(sent('hello', PNG, 'POST'))
    await note(sent('hello', PNG, 'PUT', get))
    await note(fetch(get, { headers: { origin } }))
    await note(fetch(get, { headers: { origin, range: 'bytes=0-1' } }))
    await note(fetch(get, { headers: { origin, range: 'bytes=9-' } }))
    await note(fetch(`${get}/more`, { headers: { origin } }))
    const late = await f.slot({ size: 5 })
    f.p.clock.advance(300_000)
    await note(sent('hello', PNG, 'PUT', late.put))
    expect(seen).toEqual([413, 415, 201, 409, 403, 404, 200, 206, 416, 404, 410])
  })

  test('have no share in the rest', async () => {
    await using f = await files()
    for (const path of ['/livez', '/v1/users', '/uploads', '/upload'])
      expect(isShared(await fetch(`http://127.0.0.1:${f.port}${path}`))).toBe(false)
  })
})

test('a name that a proxy hands on is let in for files, and for nothing else', async () => {
  await using f = await files()
  const get = await f.stored('hello')
  const headers = { host: 'files.example.org' }
  expect((await fetch(get, { headers })).status).toBe(200)
  expect((await fetch(`http://127.0.0.1:${f.port}/livez`, { headers })).status).toBe(421)
})

test('no route but that of files takes more than its share, with a length or without', async () => {
  await using f = await files('[limits]\nrates = false\nhttp_body_bytes = "10KB"\n')
  const url = `http://127.0.0.1:${f.port}/v1/register`
  for (const body of [inPieces(20), 'x'.repeat(20_480)]) {
    const answer = await fetch(url, { method: 'POST', body })
    expect([answer.status, await codeOf(answer)]).toEqual([413, 'too-large'])
  }
  // What a stream reads for itself is counted as it comes.
  const read = async (body: ReadableStream<Uint8Array> | string) =>
    (await readAtMost(new Request(url, { method: 'POST', body }), 10_240))?.byteLength
  expect(await read(inPieces(20))).toBeUndefined()
  expect(await read('x'.repeat(10_241))).toBeUndefined()
  expect(await read(inPieces(10))).toBe(10_240)
})

const inPieces = (n: number): ReadableStream<Uint8Array> =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (let i = 0; i < n; i++) controller.enqueue(Buffer.alloc(1024, 'x'))
      controller.close()
    },
  })
