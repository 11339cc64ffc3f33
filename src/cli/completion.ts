/** Completions for three shells, made of the tree of commands: no list of verbs is written twice. */
import { type Command, Argument } from 'commander'
import type { ContextOf } from './context.ts'
import { type Flag, lastWord, type Node, nodesOf, type Takes, treeOf } from './tree.ts'

const SHELLS = { bash, zsh, fish } as const

export function addCompletion(program: Command, context: ContextOf): void {
  program
    .command('completion')
    .description('completions for a shell, to be written where it looks for them')
    .addArgument(new Argument('<shell>', 'which one').choices(Object.keys(SHELLS)))
    .action((shell: keyof typeof SHELLS) => context().out.text(completion(program, shell)))
}

export const completion = (program: Command, shell: keyof typeof SHELLS): string =>
  SHELLS[shell](nodesOf(treeOf(program)))

const names = ({ short, long }: Flag): string[] => [short, long].filter((name) => name !== undefined)
const everywhere = ([root]: readonly Node[]): readonly Flag[] => root?.flags ?? []
const flagsAt = (nodes: readonly Node[], node: Node): readonly Flag[] =>
  node.path === '' ? node.flags : [...node.flags, ...everywhere(nodes)]

/** Options with an argument, by `path option`: where the same option takes different things the verb tells. */
function valued(nodes: readonly Node[]): { readonly at: string; readonly flag: Flag }[] {
  return nodes.flatMap((node) =>
    node.flags
      .filter((flag) => flag.takes !== undefined)
      .flatMap((flag) =>
        names(flag).map((name) => ({ at: `${node.path === '' ? '*' : node.path} ${name}`, flag })),
      ),
  )
}

/** One pattern of a `case` that both shells read: the star is outside the quotes. */
const pattern = (at: string): string => (at.startsWith('* ') ? `*'${at.slice(1)}'` : `' ${at}'`)

/** Verbs are kept with a blank before each word. */
const place = ({ path }: Node): string => (path === '' ? "''" : `' ${path}'`)

/** Finds the verb among the words before the cursor; options that take a word are skipped with it. */
const walk = (nodes: readonly Node[], first: number, end: string, word: string): string => `
  at=''
  for ((i = ${first}; i < ${end}; i++)); do
    word=${word}
    case "$at $word" in
      ${valued(nodes)
        .map(({ at }) => pattern(at))
        .join(' | ')}) ((i++)) ;;
      ${nodes
        .filter(({ path }) => path !== '')
        .map(place)
        .join(' | ')}) at="$at $word" ;;
    esac
  done`

function bash(nodes: readonly Node[]): string {
  const values = valued(nodes).map(
    ({ at, flag }) =>
      `    ${pattern(at)}) ${flag.takes === 'file' ? 'COMPREPLY=($(compgen -f -- "$cur"))' : `COMPREPLY=($(compgen -W '${wordsOf(flag).join(' ')}' -- "$cur"))`}; return ;;`,
  )
  const cases = nodes.map((node) => {
    const flags = flagsAt(nodes, node).flatMap(names)
    const words = [...node.inner.map(lastWord), ...wordsOf(node)]
    return `    ${place(node)}) words='${words.join(' ')}' flags='${flags.join(' ')}' files='${node.takes === 'file' ? 'yes' : ''}' ;;`
  })
  return `# Completions of belfry for bash: belfry completion bash >/etc/bash_completion.d/belfry
_belfry() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} at i word words='' flags='' files=''
  COMPREPLY=()${walk(nodes, 1, 'COMP_CWORD', '${COMP_WORDS[i]}')}
  case "$at $prev" in
${values.join('\n')}
  esac
  case "$at" in
${cases.join('\n')}
  esac
  if [[ $cur == -* ]]; then words=$flags files=''; fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ $files ]]; then COMPREPLY+=($(compgen -f -- "$cur")); fi
}
complete -o filenames -o bashdefault -F _belfry belfry
`
}

const wordsOf = ({ takes }: { readonly takes: Takes }): readonly string[] =>
  takes === undefined || typeof takes === 'string' ? [] : takes

/** In single quotes; a colon ends the word that is described. */
const zshWord = (word: string, description: string): string =>
  `'${word.replaceAll(':', '\\:')}:${description.replaceAll("'", '’')}'`

function zsh(nodes: readonly Node[]): string {
  const values = valued(nodes).map(
    ({ at, flag }) =>
      `    ${pattern(at)}) ${flag.takes === 'file' ? '_files' : `compadd -- ${wordsOf(flag).join(' ')}`}; return ;;`,
  )
  const cases = nodes.map((node) => {
    const flags = flagsAt(nodes, node).flatMap((flag) =>
      names(flag).map((name) => zshWord(name, flag.description)),
    )
    const words = [
      ...node.inner.map((inner) => zshWord(lastWord(inner), inner.description)),
      ...wordsOf(node).map((word) => zshWord(word, '')),
    ]
    return `    ${place(node)}) verbs=(${words.join(' ')}); flags=(${flags.join(' ')}) ;;`
  })
  const files = nodes.filter(({ takes }) => takes === 'file').map(place)
  return `#compdef belfry
# Completions of belfry for zsh: belfry completion zsh >/usr/share/zsh/site-functions/_belfry
_belfry() {
  local at i word
  local -a verbs flags${walk(nodes, 2, 'CURRENT', '$words[i]')}
  case "$at $words[CURRENT-1]" in
${values.join('\n')}
  esac
  case "$at" in
${cases.join('\n')}
  esac
  if [[ $words[CURRENT] == -* ]]; then
    _describe -o option flags
    return
  fi
  (( $#verbs )) && _describe verb verbs
  case "$at" in
    ${files.join(' | ')}) _files ;;
  esac
}
_belfry "$@"
`
}

const fishText = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

function fish(nodes: readonly Node[]): string {
  const at = (path: string): string => `-n ${fishText(`__belfry_at ${fishText(path)}`)}`
  const flagLine = (where: string, { short, long, description, takes }: Flag): string =>
    [
      'complete -c belfry',
      where,
      short === undefined ? '' : `-s ${short.slice(1)}`,
      long === undefined ? '' : `-l ${long.slice(2)}`,
      takes === undefined ? '' : takes === 'file' ? '-rF' : '-x',
      wordsOf({ takes }).length > 0 ? `-a ${fishText(wordsOf({ takes }).join(' '))}` : '',
      `-d ${fishText(description)}`,
    ]
      .filter(Boolean)
      .join(' ')
  const lines = nodes.flatMap((node) => [
    ...node.inner.map(
      (inner) =>
        `complete -c belfry ${at(node.path)} -a ${lastWord(inner)} -d ${fishText(inner.description)}`,
    ),
    ...(wordsOf(node).length > 0
      ? [`complete -c belfry ${at(node.path)} -a ${fishText(wordsOf(node).join(' '))}`]
      : []),
    ...(node.takes === 'file' ? [`complete -c belfry ${at(node.path)} -F`] : []),
    ...node.flags.map((flag) => flagLine(node.path === '' ? '' : at(node.path), flag)),
  ])
  return `# Completions of belfry for fish: belfry completion fish >/usr/share/fish/vendor_completions.d/belfry.fish
function __belfry_at
    set -l at
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch "$at $word"
            case ${valued(nodes)
              .map(({ at: where }) => fishText(where))
              .join(' ')}
                set skip 1
            case ${nodes
              .filter(({ path }) => path !== '')
              .map(({ path }) => fishText(path.includes(' ') ? path : ` ${path}`))
              .join(' ')}
                set at (string trim "$at $word")
        end
    end
    test "$at" = "$argv[1]"
end
complete -c belfry -f
${lines.join('\n')}
`
}
