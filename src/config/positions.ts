/**
 * Positions of the keys and values of a TOML file, by path; smol-toml gives values without positions. The values of this
 * parser would do but for two things: it loses a key `__proto__` and rounds integers beyond 2^53 without a word.
 */
import { type AST, parseTOML } from 'toml-eslint-parser'

export interface Position {
  readonly line: number
  readonly column: number
}
export type Path = readonly PropertyKey[]
export interface Places {
  /** Of the key itself. */
  key(path: Path): Position
  /** Of its value; of the nearest enclosing key where the path is not in the file. */
  value(path: Path): Position
}

const joined = (path: Path): string => path.map(String).join('\0')
const start = (node: { loc: AST.SourceLocation }): Position => ({
  line: node.loc.start.line,
  column: node.loc.start.column + 1,
})

export function locate(toml: string): Places {
  const keys = new Map<string, Position>()
  const values = new Map<string, Position>()
  const note = (map: Map<string, Position>, path: Path, at: Position) => {
    const name = joined(path)
    if (!map.has(name)) map.set(name, at)
  }

  const content = (node: AST.TOMLContentNode, path: Path): void => {
    note(values, path, start(node))
    if (node.type === 'TOMLArray') node.elements.forEach((item, index) => content(item, [...path, index]))
    if (node.type === 'TOMLInlineTable') node.body.forEach((item) => keyValue(item, path))
  }
  const keyValue = (node: AST.TOMLKeyValue, base: Path): void => {
    let path = base
    for (const part of node.key.keys) {
      path = [...path, part.type === 'TOMLBare' ? part.name : part.value]
      note(keys, path, start(part))
    }
    content(node.value, path)
  }

  for (const node of parseTOML(toml).body[0].body) {
    if (node.type === 'TOMLKeyValue') keyValue(node, [])
    else {
      const path = node.resolvedKey
      for (let n = 1; n <= path.length; n++) note(keys, path.slice(0, n), start(node.key))
      node.body.forEach((item) => keyValue(item, path))
    }
  }

  const nearest = (path: Path): Position => {
    for (let n = path.length; n > 0; n--) {
      const name = joined(path.slice(0, n))
      const at = keys.get(name) ?? values.get(name)
      if (at) return at
    }
    return { line: 1, column: 1 }
  }
  return {
    key: (path) => keys.get(joined(path)) ?? nearest(path),
    value: (path) => values.get(joined(path)) ?? nearest(path),
  }
}
