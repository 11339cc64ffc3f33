/** The disk is full in the midst of an upload: a tmpfs of its own, whose end the file really meets. */
import { expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { mkdirSync } from 'node:fs'
import { uploads } from '../../src/metrics/metrics.ts'
import { mayMount, smallDisk } from '../support/small-disk.ts'
import { files } from '../support/uploads.ts'

const SIZE = 3_000_000
const refused = async (): Promise<number> =>
  (await uploads.get()).values.find(({ labels }) => labels.result === 'full')?.value ?? 0

test.if(mayMount())(
  'the sender is told 507, nothing is left and counted, others go on, and the same slot takes it later',
  async () => {
    using disk = smallDisk('8m')
    if (!disk) throw new Error('not mounted')
    mkdirSync(join(disk.path, 'data'))
    await using f = await files(
      `[upload]\nfree_bytes = 0\naccount_bytes = ${SIZE}\n`,
      join(disk.path, 'data'),
    )
    const [romeo, juliet] = [
      await f.p.bound('romeo@bix.org/orchard'),
      await f.p.bound('juliet@bix.org/balcony'),
    ]
    juliet.sends('<presence/>')
    await juliet.settles()
    juliet.forget()
    const slot = await f.slot({ size: SIZE, who: 'romeo@bix.org/garden' })
    const other = await f.slot({ size: 5, who: 'juliet@bix.org/balcony2' })
    const free = disk.fillUp(1_000_000)
    const content = randomBytes(SIZE)
    const before = await refused()

    const { promise: goOn, resolve } = Promise.withResolvers<void>()
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(content.subarray(0, 500_000))
        await goOn
        controller.enqueue(content.subarray(500_000))
        controller.close()
      },
    })
    const answer = fetch(slot.put, { method: 'PUT', body })
    while (f.onDisk().length === 0) await Bun.sleep(1)
    expect(f.onDisk()).toEqual([`${slot.get.split('/')[4]}.part`])
    resolve()
    const full = await answer
    expect([full.status, ((await full.json()) as { code: string }).code]).toEqual([507, 'no-room'])
    expect(f.onDisk()).toEqual([])
    expect([f.p.world.store.uploads.total(), await refused()]).toEqual([0, before + 1])
    expect((await fetch(slot.get)).status).toBe(404)

    // Small ones still fit, and stanzas have nothing to do with it.
    expect((await fetch(other.put, { method: 'PUT', body: 'hello' })).status).toBe(201)
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>Wait for it</body></message>`)
    expect((await juliet.next()).attrs.from).toBe('romeo@bix.org/orchard')

    free()
    expect((await fetch(slot.put, { method: 'PUT', body: content })).status).toBe(201)
    expect(Buffer.from(await (await fetch(slot.get)).arrayBuffer()).equals(content)).toBe(true)
    expect(f.p.world.store.uploads.total()).toBe(SIZE + 5)
  },
)

test.if(mayMount())('several at a time: each is told so by itself, and none leaves anything', async () => {
  using disk = smallDisk('8m')
  if (!disk) throw new Error('not mounted')
  mkdirSync(join(disk.path, 'data'))
  await using f = await files('[upload]\nfree_bytes = 0\n', join(disk.path, 'data'))
  const slots = [await f.slot({ size: SIZE }), await f.slot({ size: SIZE }), await f.slot({ size: SIZE })]
  const free = disk.fillUp(SIZE - 500_000)
  const put = async ({ put: url }: { put: string }) =>
    (await fetch(url, { method: 'PUT', body: Buffer.alloc(SIZE, 'x') })).status
  expect(await Promise.all(slots.map(put))).toEqual([507, 507, 507])
  expect(f.onDisk()).toEqual([])
  free()
  for (const slot of slots.slice(0, 2)) expect(await put(slot)).toBe(201)
})
