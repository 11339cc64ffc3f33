/** Completions in their own shells, and the manual page by its own checker where that is installed. */
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { completion } from '../../src/cli/completion.ts'
import { manualPage } from '../../src/cli/man.ts'
import { buildProgram, nameOf } from '../../src/cli/program.ts'

const { program } = buildProgram()

function inShell(shell: 'bash' | 'zsh' | 'fish', run: (file: string) => string[]): string {
  const home = mkdtempSync(join(tmpdir(), 'belfry-completion-'))
  const file = join(home, 'belfry')
  try {
    writeFileSync(file, completion(program, shell))
    const { exitCode, stdout, stderr } = Bun.spawnSync([shell, ...run(file)], {
      env: { ...process.env, HOME: home },
    })
    return exitCode === 0 ? stdout.toString() : `${exitCode}: ${stderr.toString()}`
  } finally {
    rmSync(home, { recursive: true })
  }
}

/** What bash offers behind these words; the last one is being typed. */
const offered = (...words: string[]): string[] =>
  inShell('bash', (file) => [
    '-c',
    `. ${file}; COMP_WORDS=(belfry "$@"); COMP_CWORD=$#; _belfry; printf '%s\\n' "\${COMPREPLY[@]}"`,
    'bash',
    ...words,
  ])
    .split('\n')
    .filter(Boolean)

test.each([
  [['us'], ['user']],
  [['user', 'pa'], ['passwd']],
  [
    ['room', 'member', ''],
    ['list', 'add', 'remove'],
  ],
  [
    ['-o', ''],
    ['text', 'json'],
  ],
  [['-o', 'json', 'user', 'dis'], ['disable']],
  [['-c', 'user', 'user', 'dis'], ['disable']],
  [
    ['backup', 'create', '--uploads', ''],
    ['link', 'copy', 'none'],
  ],
  [['user', 'passwd', '--password-s'], ['--password-stdin']],
  [['user', 'list', '--cu'], ['--curl']],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [['user', 'show', 'user'], []],
])('bash: %j offers %j', (words, expected) => {
  expect(offered(...words).toSorted()).toEqual(expected.toSorted())
})

test('bash: files where a file is wanted', () => {
  expect(offered('--config', '/etc/host')).toContain('/etc/hosts')
  expect(offered('import', 'prosody', '/etc/host')).toContain('/etc/hosts')
})

test.each(['zsh', 'fish'] as const)('%s takes the file, and each verb is in it', (shell) => {
  const text = completion(program, shell)
  for (const noun of program.commands)
    for (const verb of noun.commands.length > 0 ? noun.commands : [noun]) expect(text).toContain(nameOf(verb))
  if (Bun.which(shell)) expect(inShell(shell, (file) => ['-n', file])).toBe('')
})

test('fish offers the verbs of a noun', () => {
  if (!Bun.which('fish')) return
  const run = (file: string) => ['-c', `source ${file}; complete -C 'belfry -o json room member '`]
  expect(
    inShell('fish', run)
      .split('\n')
      .map((line) => line.split('\t')[0])
      .filter(Boolean)
      .toSorted(),
  ).toEqual(['add', 'list', 'remove'])
})

test('the manual page tells of each verb, and its checker has nothing to say', () => {
  const page = manualPage(program)
  for (const noun of program.commands)
    expect(page).toContain(`.SS "belfry ${noun.name().replaceAll('-', '\\-')}`)
  if (!Bun.which('mandoc')) return
  const { exitCode, stdout, stderr } = Bun.spawnSync(['mandoc', '-Tlint'], { stdin: Buffer.from(page) })
  expect([exitCode, stdout.toString() + stderr.toString()]).toEqual([0, ''])
})
