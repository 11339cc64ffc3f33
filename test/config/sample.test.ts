/** The file that `config init` writes: whatever is uncommented in it, alone or together, is right as it stands. */
import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Config, ConfigError, loadConfig, parseConfig } from '../../src/config/config.ts'
import { isTable, jsonSchema } from '../../src/config/describe.ts'
import { formatProblem } from '../../src/config/problems.ts'
import { commentedSample } from '../../src/config/sample.ts'

const KEY = /^# ([a-z0-9_]+) = /
const HEADER = /^\[|^# \[\[/

function accepted(toml: string): Omit<Config, 'source'> {
  const { config, errors } = parseConfig(toml, '/etc/belfry/belfry.toml')
  if (errors) throw new Error(`${errors.map(formatProblem).join('\n')}\nin\n${toml}`)
  const { source: _, ...values } = config
  return values
}

const uncommented = (text: string): string => text.replace(/^# (?=[a-z0-9_]+ = |\[\[)/gm, '')

interface Block {
  readonly text: string
  /** The header above it, with the rest of its block where it begins an entry of a list; empty at the top. */
  readonly head: string
  readonly isSet: boolean
}

/** Lines between two blank ones, each with what it needs around it. */
function blocksOf(sample: string): Block[] {
  let head = ''
  return sample.split('\n\n').map((text) => {
    const lines = text.split('\n')
    const header = lines.find((line) => HEADER.test(line))
    if (header !== undefined) head = header.startsWith('#') ? text : header
    const isHead = header?.startsWith('#') === true
    return {
      text,
      head: isHead ? '' : head,
      isSet: isHead || lines.filter((line) => KEY.test(line)).length > 1,
    }
  })
}

const inPlace = ({ head, text }: Block): string => {
  const rest = text.split('\n').filter((line) => line !== head)
  return uncommented([head, ...rest].join('\n'))
}

describe.each([['bix.org'], ['localhost'], ['bücher.example'], ['192.0.2.1'], ['[2001:db8::1]']])(
  'the sample for %s',
  (host) => {
    const set = { hosts: [host], admins: [] }
    const sample = commentedSample(set)
    const blocks = blocksOf(sample)
    const top = `hosts = [${JSON.stringify(host)}]\nadmins = []\n`

    test('is valid as it is, each block alone, and all of it at once', () => {
      accepted(sample)
      for (const block of blocks)
        accepted(block.head === '' && !block.isSet ? inPlace(block) : top + inPlace(block))
      accepted(uncommented(sample))
    })

    test('shows as a default only what is one', () => {
      const plain = accepted(top)
      for (const block of blocks.filter(
        ({ text, isSet }) => KEY.test(text) || (!isSet && /^# [a-z0-9_]+ = /m.test(text)),
      )) {
        if (block.text.includes('example:')) continue
        if (block.head.startsWith('#'))
          expect(accepted(top + inPlace(block))).toEqual(accepted(top + uncommented(block.head)))
        else expect(accepted(top + inPlace(block))).toEqual(plain)
      }
    })
  },
)

test('every key of the schema is in it, and keys stand together only where they must', () => {
  const sample = commentedSample({ hosts: ['bix.org'], admins: [] })
  const shown = (name: string, schema: ReturnType<typeof jsonSchema>): string[] => {
    const { properties = {} } = schema.items ?? schema
    return Object.entries(properties).flatMap(([key, value]) => {
      if (isTable(value)) return shown(`${name}.${key}`, value)
      const blocks = blocksOf(sample).filter(({ text, head }) => `${text}\n${head}`.includes(`[${name}]`))
      return blocks.some(({ text }) => new RegExp(`^# +${key} = `, 'm').test(text)) ? [] : [`${name}.${key}`]
    })
  }
  const { properties = {} } = jsonSchema()
  expect(
    Object.entries(properties).flatMap(([name, value]) => (isTable(value) ? shown(name, value) : [])),
  ).toEqual([])
  const sets = blocksOf(sample)
    .filter(({ isSet, text }) => isSet && !text.includes('[['))
    .map(({ text }) => [...text.matchAll(/^# ([a-z0-9_]+) = /gm)].map(([, key]) => key))
  expect(sets).toEqual([
    ['cert', 'key'],
    ['email', 'agree'],
    ['eab_key_id', 'eab_key_file'],
  ])
})

test('what cannot stand beside a default is told of, and right where it replaces that', () => {
  const sample = commentedSample({ hosts: ['bix.org'], admins: [] })
  const told = [...sample.matchAll(/^# {3}([a-z0-9_]+ = .*)$/gm)].map(([, line]) => line)
  expect(accepted(`[webhook]\n${told.join('\n')}\n`).webhook).toMatchObject({ format: 'form' })
})

test('config check has nothing against all of it but that the files are not there', () => {
  const directory = mkdtempSync(join(tmpdir(), 'belfry-sample-'))
  try {
    const file = join(directory, 'belfry.toml')
    const set = { hosts: ['bix.org'], data_dir: '/nowhere', admins: ['you@bix.org'] }
    writeFileSync(file, uncommented(commentedSample(set)))
    let said: string[] = []
    try {
      loadConfig({ file, checkFiles: true })
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      said = error.problems.map((problem) => (typeof problem === 'string' ? problem : problem.message))
    }
    expect(said.length).toBeGreaterThan(8)
    expect(said.filter((text) => !text.includes('does not exist'))).toEqual([])
  } finally {
    rmSync(directory, { recursive: true })
  }
})
