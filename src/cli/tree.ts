/** The tree of commands as completions and the manual page need it: names, words and what an option takes. */
import type { Argument, Command, Option } from 'commander'

/** Takes: a name of a file, one of some words, any word, or nothing. */
export type Takes = 'file' | 'word' | readonly string[] | undefined

export interface Flag {
  readonly short: string | undefined
  readonly long: string | undefined
  /** As it is printed: `-c, --config <file>`. */
  readonly flags: string
  readonly description: string
  readonly takes: Takes
}

export interface Node {
  /** Words behind `belfry`, separated by a blank; '' for the program itself. */
  readonly path: string
  readonly usage: string
  readonly description: string
  readonly flags: readonly Flag[]
  readonly inner: readonly Node[]
  /** Of its first argument. */
  readonly takes: Takes
}

const FILES = /file|directory|path|backup/

function takesOf(name: string, choices: readonly string[] | undefined): Takes {
  if (choices) return choices
  return FILES.test(name) ? 'file' : 'word'
}

const flagOf = (option: Option): Flag => ({
  short: option.short,
  long: option.long,
  flags: option.flags,
  description: option.description,
  takes:
    option.required || option.optional
      ? takesOf(/[<[](.*?)[.>\]]/.exec(option.flags)?.[1] ?? '', option.argChoices)
      : undefined,
})

const argumentOf = ([first]: readonly Argument[]): Takes => first && takesOf(first.name(), first.argChoices)

export function treeOf(command: Command, path = ''): Node {
  return {
    path,
    usage: command.registeredArguments.map(shown).join(' '),
    description: command.description(),
    flags: command.options.map(flagOf),
    inner: command.commands.map((inner) => treeOf(inner, `${path} ${inner.name()}`.trim())),
    takes: argumentOf(command.registeredArguments),
  }
}

function shown(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`
  return argument.required ? `<${name}>` : `[${name}]`
}

/** The tree as a list, what is outside first. */
export const nodesOf = (node: Node): Node[] => [node, ...node.inner.flatMap(nodesOf)]

export const lastWord = ({ path }: Node): string => path.split(' ').at(-1) ?? ''
