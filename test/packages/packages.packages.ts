/** The packages as dpkg and rpm see them, and the symbols of the C library that the executable needs. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from '../systemd/root.ts'

const ROOT = join(import.meta.dir, '../..')
const DIST = join(ROOT, 'dist')
const BINARY = join(DIST, 'belfry')

let home: string
let deb: string
let rpm: string
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'belfry-packages-'))
  const made = readdirSync(DIST)
  deb = join(DIST, made.find((name) => name.endsWith('_amd64.deb')) ?? 'no .deb')
  rpm = join(DIST, made.find((name) => name.endsWith('.x86_64.rpm')) ?? 'no .rpm')
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

const FILES = [
  '/usr/bin/belfry',
  '/usr/lib/systemd/system/belfry.service',
  '/usr/share/bash-completion/completions/belfry',
  '/usr/share/zsh/site-functions/_belfry',
  '/usr/share/fish/vendor_completions.d/belfry.fish',
  '/usr/share/man/man8/belfry.8.gz',
  '/usr/share/doc/belfry/examples/belfry.toml',
  '/usr/share/doc/belfry/licences.txt',
  '/usr/share/doc/belfry/sbom.cdx.json',
]

test('both packages hold every file, the executable as it was built', () => {
  const inDeb = must(['dpkg-deb', '-c', deb])
  const inRpm = must(['rpm', '-qlp', rpm])
  for (const file of FILES) {
    expect(inDeb).toContain(` .${file}\n`)
    expect(inRpm).toContain(`${file}\n`)
  }
  for (const [name, unpack] of [
    ['deb', `dpkg-deb --fsys-tarfile ${deb} | tar -xO ./usr/bin/belfry`],
    ['rpm', `cd ${home} && rpm2cpio ${rpm} | cpio -i --quiet --to-stdout ./usr/bin/belfry`],
  ] as const)
    expect([name, must(['sh', '-c', `${unpack} | cmp - ${BINARY} && echo same`])]).toEqual([name, 'same\n'])
  expect(must(['sh', '-c', `cd ${DIST} && sha256sum --check --quiet SHA256SUMS && echo right`])).toBe(
    'right\n',
  )
})

test('rpm takes it, verifies it and takes it out again; no EL is here to run it on', () => {
  const db = join(home, 'rpm')
  must(['rpm', '--root', db, '--initdb'])
  must(['rpm', '--root', db, '-i', '--nodeps', '--ignorearch', '--noscripts', rpm])
  expect(must(['rpm', '--root', db, '-V', '--nodeps', 'belfry'])).toBe('')
  must(['rpm', '--root', db, '-e', '--noscripts', 'belfry'])
})

test('the bill of materials names what is inside, without an address of a registry', () => {
  const bill = readFileSync(
    join(DIST, readdirSync(DIST).find((name) => name.endsWith('.cdx.json')) ?? ''),
    'utf8',
  )
  const { components } = JSON.parse(bill) as { components: { name: string; version: string }[] }
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  for (const [name, version] of Object.entries(dependencies))
    expect(components.filter((one) => one.name === name).map((one) => one.version)).toContain(version)
  expect(components.some(({ name }) => name === 'eslint')).toBe(false)
  expect(bill).not.toMatch(/https?:\/\//)
})

test('no symbol of a C library younger than 2.17', () => {
  const versions = [...must(['objdump', '-T', BINARY]).matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) =>
    Number(minor),
  )
  expect(versions.length).toBeGreaterThan(50)
  expect(Math.max(...versions)).toBeLessThanOrEqual(17)
})
