/** The unit as systemd 219 reads it: what it skips is known, and nothing that it skips makes the service worse than none. */
import { describe, expect, test } from 'bun:test'
import { renderUnit } from '../../src/cli/systemd.ts'
import { FORM_IN_219, KNOWN_TO_219 } from './systemd-219.ts'

interface Line {
  readonly section: string
  readonly key: string
  readonly value: string
}

function linesOf(unit: string): Line[] {
  let section = ''
  return unit.split('\n').flatMap((line) => {
    if (line === '' || line.startsWith('#')) return []
    const header = /^\[(\w+)\]$/.exec(line)?.[1]
    if (header !== undefined) {
      section = header
      return []
    }
    const at = line.indexOf('=')
    if (at < 1) throw new Error(`not a line of a unit: ${line}`)
    return [{ section, key: line.slice(0, at), value: line.slice(at + 1) }]
  })
}

const lines = linesOf(renderUnit('/usr/local/bin/belfry', 'belfry'))
const isKnown = ({ section, key }: Line): boolean => KNOWN_TO_219[section]?.has(key) === true

/** The values, or words of lists, that the key's parser in 219 cannot read; it skips them with a warning. */
function unreadable({ key, value }: Line): string[] {
  const form = FORM_IN_219[key]
  if (!form) return [`no form is written down for ${key}`]
  if ('value' in form) return form.value.test(value) ? [] : [value]
  return value.split(' ').filter((word) => word !== '' && !form.word.test(word))
}

describe('systemd 219', () => {
  test('every section is one that it has', () => {
    expect([...new Set(lines.map(({ section }) => section))]).toEqual(['Unit', 'Service', 'Install'])
  })

  test('these keys came later: it skips them, and the service runs without what they give', () => {
    expect([...new Set(lines.filter((line) => !isKnown(line)).map(({ key }) => key))].toSorted()).toEqual([
      'KeyringMode',
      'LockPersonality',
      'OOMPolicy',
      'PrivateMounts',
      'PrivateUsers',
      'ProcSubset',
      'ProtectClock',
      'ProtectControlGroups',
      'ProtectHostname',
      'ProtectKernelLogs',
      'ProtectKernelModules',
      'ProtectKernelTunables',
      'ProtectProc',
      'RemoveIPC',
      'RestrictNamespaces',
      'RestrictRealtime',
      'RestrictSUIDSGID',
      'StateDirectory',
      'StateDirectoryMode',
      'UnsetEnvironment',
    ])
  })

  test('no value of a key that it knows is malformed, but for two lines that are written so that it may skip them', () => {
    const found = lines
      .filter(isKnown)
      .flatMap((line) => unreadable(line).map((word) => `${line.key}=${word}`))
    expect(found.filter((text) => !/^SystemCallFilter=~?@[a-z-]+$/.test(text))).toEqual([
      'ProtectSystem=strict',
    ])
  })

  test('ProtectSystem: what it can read of the two lines holds, and the strict one comes later', () => {
    const values = lines.filter(({ key }) => key === 'ProtectSystem').map(({ value }) => value)
    expect(values).toEqual(['full', 'strict'])
  })

  test('SystemCallFilter: lists only forbid, so that a list of which nothing is read forbids nothing', () => {
    const values = lines.filter(({ key }) => key === 'SystemCallFilter').map(({ value }) => value)
    expect(values.length).toBeGreaterThan(0)
    for (const value of values) expect(value).toStartWith('~')
  })

  test('what starts the service is understood by it', () => {
    const needed = [
      'Type',
      'NotifyAccess',
      'ExecStart',
      'User',
      'Group',
      'WatchdogSec',
      'RuntimeDirectory',
      'WantedBy',
    ]
    for (const key of needed) expect(lines.some((line) => line.key === key && isKnown(line))).toBe(true)
  })
})
