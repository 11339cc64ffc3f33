import { expect, test } from 'bun:test'
import { join } from 'node:path'

const END = join(import.meta.dir, '../../src/cli/end.ts')

function run(code: number, script: string) {
  const program = `import { endWith } from ${JSON.stringify(END)}\n${script}\nendWith(${code})`
  return Bun.spawnSync([process.execPath, '-e', program], { stdin: 'ignore' })
}

test('a command that has failed ends although something holds the loop', () => {
  const held = 'Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } })'
  expect(run(3, held).exitCode).toBe(3)
})

test('what it has said is whole', () => {
  const { exitCode, stdout } = run(4, 'process.stdout.write("x".repeat(1_000_000))')
  expect([exitCode, stdout.length]).toEqual([4, 1_000_000])
})

test('success waits for what is under way', () => {
  const { exitCode, stdout } = run(0, 'setTimeout(() => console.log("done"), 600)')
  expect([exitCode, stdout.toString()]).toEqual([0, 'done\n'])
})
