/** Every check on a machine where it finds nothing, and on one where it does: real files, real sockets, a real DNS server. */
import { afterAll, describe, expect, test } from 'bun:test'
import { type DoctorCheck, type Finding, ok, type Status } from '../../../src/ops/doctor/check.ts'
import { CHECKS } from '../../../src/ops/doctor/checks.ts'
import { isOlder } from '../../../src/ops/doctor/database.ts'
import { ofInodes, ofSpace, ofType } from '../../../src/ops/doctor/data.ts'
import { ofExecutable, ofFileLimit, ofKernel, ofLoad, ofOpenFiles } from '../../../src/ops/doctor/host.ts'
import { chosen, examine, summary, unknownNames } from '../../../src/ops/doctor/run.ts'
import { ofLag, ofMemory } from '../../../src/ops/doctor/server.ts'
import { CONFIG_ROWS } from './rows-config.ts'
import { DATA_ROWS } from './rows-data.ts'
import { HOST_ROWS } from './rows-host.ts'
import { NET_ROWS } from './rows-net.ts'
import { type Row, Trial } from './trial.ts'

const ROWS: readonly Row[] = [...CONFIG_ROWS, ...DATA_ROWS, ...HOST_ROWS, ...NET_ROWS]

/** Checks that are never well, or never ill, on a machine that a test can make, each with the reason. */
const HALF: Readonly<Record<string, string>> = {
  'net.ipv6': 'as this machine has IPv6 or not',
  'host.load': 'as this machine is busy or not; see ofLoad',
  'host.file_limit': 'ofFileLimit',
  'host.open_files': 'ofOpenFiles',
  'host.kernel': 'ofKernel',
  'host.executable': 'ofExecutable',
  'host.cpu': 'tells, and judges nothing',
  'host.selinux': 'tells, and judges nothing',
  'db.growth': 'tells, and judges nothing',
  'db.library': 'isOlder',
  'db.free_pages': 'a quarter of a gigabyte would have to be written',
  'dns.caa': 'tells, and judges nothing',
  'data.space': 'ofSpace',
  'data.inodes': 'ofInodes',
  'data.uploads': 'root, as whom tests may run, can write everywhere',
  'server.memory': 'ofMemory',
  'server.loop': 'ofLag',
}

describe('checks', () => {
  test.each(ROWS.map((one, i) => [one.id, one.status, one.why ?? '', i] as const))(
    '%s: %s, %s',
    async (id, status, why, i) => {
      const trial = new Trial()
      try {
        await ROWS[i]?.given(trial)
        const [found] = await examine(trial.world(), chosen([id]))
        expect(`${found?.status} ${found?.why}`).toStartWith(`${status} `)
        expect(found?.why).toContain(why)
        expect(found?.why).not.toContain('\n')
        // Whoever is told that something is wrong is told what to do.
        expect(found?.mend !== undefined && found.mend !== '').toBe(status === 'warn' || status === 'fail')
      } finally {
        await trial.close()
      }
    },
  )

  test('each has rows in which it is well and in which it is not', () => {
    const of = (id: string, good: boolean) =>
      ROWS.some(
        (one) =>
          one.id === id && (good ? one.status === 'ok' : one.status === 'warn' || one.status === 'fail'),
      )
    const lacking = CHECKS.filter(({ id }) => !(of(id, true) && of(id, false)) && !(id in HALF))
    expect(lacking.map(({ id }) => id)).toEqual([])
    expect(CHECKS.length).toBeGreaterThanOrEqual(60)
    expect(new Set(CHECKS.map(({ id }) => id)).size).toBe(CHECKS.length)
  })

  test('figures that no machine of a test has', () => {
    const rows: [Finding, Status][] = [
      [ofLoad(9, 2), 'warn'],
      [ofLoad(1, 2), 'ok'],
      [ofFileLimit(1024), 'warn'],
      [ofFileLimit(65_536), 'ok'],
      [ofOpenFiles(900, 1000), 'warn'],
      [ofOpenFiles(90, 1000), 'ok'],
      [ofKernel('2.6.32-754.el6'), 'fail'],
      [ofKernel('3.10.0-1160.el7'), 'ok'],
      [ofKernel('6.18.44'), 'ok'],
      [ofExecutable('/usr/bin/belfry', 0o100775), 'fail'],
      [ofExecutable('/usr/bin/belfry', 0o100755), 'ok'],
      [ofSpace(1 << 20, 2 ** 40), 'fail'],
      [ofSpace(500 << 20, 2 ** 40), 'warn'],
      [ofSpace(500 << 20, 2 ** 30), 'ok'],
      [ofInodes(3, 100_000), 'warn'],
      [ofInodes(90_000, 100_000), 'ok'],
      [ofInodes(0, 0), 'skip'],
      [ofType(0x6969, '/x'), 'fail'],
      // As a signed number, in which some runtimes tell it.
      [ofType(0xff534d42 | 0, '/x'), 'fail'],
      [ofType(0xef53, '/x'), 'ok'],
      [ofMemory(900 << 20, 1), 'warn'],
      [ofMemory(900 << 20, 10_000), 'ok'],
      [ofLag(900), 'warn'],
      [ofLag(2), 'ok'],
    ]
    expect(rows.map(([{ status }]) => status)).toEqual(rows.map(([, status]) => status))
  })

  test('versions are compared by their numbers', () => {
    expect(['3.51.2', '3.9.0', '3.51.3', '3.54.1', '4.0'].map((v) => isOlder(v, '3.51.3'))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })
})

describe('the examination', () => {
  const trial = new Trial()
  afterAll(() => trial.close())
  const check = (id: string, look: DoctorCheck['look']): DoctorCheck => ({ id, look })

  test('one that throws, and one that never ends, hide nothing of the others', async () => {
    const found = await examine(
      trial.world(),
      [
        check('a.throws', () => {
          throw new Error('no\nsuch luck at http://u:secret@x.example/')
        }),
        check('a.hangs', () => new Promise(() => {})),
        check('a.rejects', () => Promise.reject(new Error('refused'))),
        check('a.well', () => ok('yes')),
      ],
      20,
    )
    expect(found.map(({ status }) => status)).toEqual(['warn', 'warn', 'warn', 'ok'])
    expect(found[0]?.why).toContain('no such luck')
    expect(found[0]?.why).not.toContain('secret')
    expect(found[1]?.why).toContain('no answer within')
    expect(summary(found)).toEqual({ ok: 1, warn: 3, fail: 0, skip: 0 })
  })

  test('at most eight at a time, all of them, in their order', async () => {
    let [now, most] = [0, 0]
    const many = Array.from({ length: 40 }, (_, i) =>
      check(`a.n${i}`, async () => {
        most = Math.max(most, ++now)
        await new Promise((resolve) => setImmediate(resolve))
        now--
        return ok(String(i))
      }),
    )
    const found = await examine(trial.world(), many)
    expect(found.map(({ why }) => why)).toEqual(many.map((_, i) => String(i)))
    expect(most).toBe(8)
  })

  test('some are chosen by id or by area, and a name of none is named', () => {
    expect(chosen(['tls.days']).map(({ id }) => id)).toEqual(['tls.days'])
    expect(chosen(['dns', 'tls.key']).map(({ id }) => id)).toContain('dns.caa')
    expect(chosen(['tls.key']).map(({ id }) => id)).toEqual(['tls.key'])
    expect(unknownNames(['tls', 'tls.dais', 'mercutio'])).toEqual([
      'tls.dais — did you mean tls.days?',
      'mercutio',
    ])
  })

  test('a configuration that cannot be used is told of once, and the machine is looked at all the same', async () => {
    const spoilt = { ...trial.world(), problems: ['belfry.toml:1:1: not TOML'] }
    const found = await examine(spoilt, chosen(undefined))
    expect(found.filter(({ status }) => status === 'fail').map(({ id }) => id)).toContain('config.file')
    expect(found.find(({ id }) => id === 'tls.days')?.status).toBe('skip')
    expect(found.find(({ id }) => id === 'host.kernel')?.status).toBe('ok')
  })
})
