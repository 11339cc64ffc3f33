import { expect, test } from 'bun:test'
import { executableText, trimMemory } from '../../src/ops/trim-memory.ts'

const MAPS = `
00200000-01a39000 r--p 00000000 fe:00 9980262                            /usr/bin/belfry
01a40000-0684a000 r-xp 01838000 fe:00 9980262                            /usr/bin/belfry
06867000-0732e000 rw-p 0665e000 fe:00 9980262                            /usr/bin/belfry
2daa1400000-2dae1400000 rwxp 00000000 00:00 0 
7f02d42b5000-7f02d440b000 r-xp 00026000 fe:00 326269                     /usr/lib/x86_64-linux-gnu/libc.so.6
7ffe00000000-7ffe00002000 r-xp 00000000 00:00 0                          [vdso]
`

test('only code of this very file is let go, never data, compiled scripts or a library', () => {
  expect(executableText(MAPS, '/usr/bin/belfry')).toEqual([{ start: 0x1a40000n, end: 0x684a000n }])
  // After an upgrade the old file is gone; its pages are kept.
  expect(
    executableText(MAPS.replaceAll('/usr/bin/belfry', '/usr/bin/belfry (deleted)'), '/usr/bin/belfry'),
  ).toEqual([])
})

test('this process runs on without its code and gets it back', async () => {
  expect(await trimMemory()).toBe(true)
  expect([...'belfry'].sort().join('')).toBe('beflry')
})
