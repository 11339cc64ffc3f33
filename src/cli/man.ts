/** The manual page, made of the tree of commands: roff with the macros of man(7), which every reader knows. */
import type { Command } from 'commander'
import { VERSION } from '../version.ts'
import { CALLS } from './calls.ts'
import type { ContextOf } from './context.ts'
import { TOPICS } from './help.ts'
import { REFERENCES } from './reference.ts'
import { wrapped } from './table.ts'
import { type Flag, type Node, nodesOf, treeOf } from './tree.ts'

export function addMan(program: Command, context: ContextOf): void {
  program
    .command('man')
    .description('the manual page: belfry man | man -l -')
    .action(() => context().out.text(manualPage(program)))
}

/** A backslash begins an escape, a dot or quote at the start of a line a request; a hyphen is to be copied as one. */
const roff = (text: string): string =>
  wrapped(text.replaceAll('\\', '\\e').replaceAll('-', '\\-'), 78, (word) => word)
    .map((line) => line.replace(/^[.']/, '\\&$&'))
    .join('\n')

/** Day on which what is not made of the tree was written; a day of the build would change the page without a reason. */
const WRITTEN = '2026-11-30'

const flagLines = ({ flags, description }: Flag): string[] => [
  '.TP',
  `.B ${roff(flags)}`,
  roff(sentence(description)),
]

const sentence = (text: string): string => (/[.)]$/.test(text) ? text : `${text}.`)

function verbLines(node: Node): string[] {
  const call = CALLS[node.path] ?? []
  const makes = 'local' in call ? [] : [`Operation of the API: ${roff(call.join(', '))}.`]
  return [
    `.SS "belfry ${[node.path, node.usage].filter(Boolean).join(' ').replaceAll('-', '\\-')}"`,
    roff(sentence(node.description)),
    ...makes,
    ...node.flags.flatMap(flagLines),
  ]
}

export function manualPage(program: Command): string {
  const root = treeOf(program)
  const verbs = nodesOf(root).filter(({ inner }) => inner.length === 0)
  const pages = Object.entries({ ...TOPICS, ...REFERENCES }).flatMap(([name, { title }]) => [
    '.TP',
    `.B belfry help ${roff(name)}`,
    roff(sentence(title)),
  ])
  return [
    `.TH BELFRY 8 ${WRITTEN} "Belfry ${roff(VERSION)}" "System Administration"`,
    '.SH NAME',
    `belfry \\- ${roff(root.description)}`,
    '.SH SYNOPSIS',
    '.B belfry',
    '.RI [ options ] " noun " [ verb ] " " [ arguments ]',
    '.SH DESCRIPTION',
    'One program is the server and the way to it. A verb is one call of the HTTP API,',
    'made over the Unix socket of the running server;',
    'where no server runs it works on the data itself.',
    '.SH OPTIONS',
    'They may stand anywhere.',
    ...root.flags.flatMap(flagLines),
    '.SH VERBS',
    ...verbs.flatMap(verbLines),
    '.SH EXIT STATUS',
    ...EXITS.flatMap(([code, meaning]) => ['.TP', `.B ${code}`, meaning]),
    '.SH ENVIRONMENT',
    '.TP',
    '.B BELFRY_CONFIG',
    'The configuration file, where no option names one.',
    '.TP',
    '.B NO_COLOR',
    'Not empty: nothing is coloured.',
    '.SH FILES',
    '.TP',
    '.I /etc/belfry/belfry.toml',
    'Configuration; every key is told by',
    '.BR "belfry config schema" .',
    '.TP',
    '.I /var/lib/belfry',
    'Data, with the socket of the server,',
    '.IR admin.sock .',
    '.SH SEE ALSO',
    'Pages that are part of the program:',
    ...pages,
  ].join('\n')
}

const EXITS: readonly (readonly [number, string])[] = [
  [0, 'It is done.'],
  [1, 'It failed.'],
  [2, 'It was asked wrongly, or the configuration cannot be used.'],
  [3, 'No server answers.'],
  [4, 'There is no such thing.'],
  [5, 'A part of it is done.'],
]
