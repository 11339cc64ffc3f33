/** A Dockerfile as its stages and instructions, as far as ours uses the language; anything else is an error. */
export interface Instruction {
  readonly verb: string
  readonly rest: string
}

export interface Stage {
  readonly from: string
  readonly name: string | undefined
  readonly instructions: readonly Instruction[]
}

const VERBS = new Set([
  'WORKDIR',
  'COPY',
  'RUN',
  'USER',
  'ENV',
  'EXPOSE',
  'VOLUME',
  'STOPSIGNAL',
  'HEALTHCHECK',
  'ENTRYPOINT',
  'CMD',
])

export function parseDockerfile(text: string): Stage[] {
  const stages: { from: string; name: string | undefined; instructions: Instruction[] }[] = []
  const lines = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll('\\\n', ' ')
  for (const line of lines.split('\n').map((part) => part.trim())) {
    if (line === '') continue
    const [, verb = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
    if (verb === 'FROM') {
      const [from = '', , name] = rest.split(' ')
      stages.push({ from, name, instructions: [] })
    } else if (VERBS.has(verb)) stages.at(-1)?.instructions.push({ verb, rest })
    else throw new Error(`the Dockerfile has a line that is not understood: ${line}`)
  }
  return stages
}

/** What the last instruction of that name says. */
export function last(stage: Stage, verb: string): string {
  const found = stage.instructions.findLast((instruction) => instruction.verb === verb)
  if (!found) throw new Error(`the stage has no ${verb}`)
  return found.rest
}

/** The words of the exec form: `["a", "b"]`. */
export function words(text: string): string[] {
  const list: unknown = JSON.parse(text.slice(text.indexOf('[')))
  if (!Array.isArray(list) || list.length === 0) throw new Error(`not an exec form: ${text}`)
  return list.map(String)
}
