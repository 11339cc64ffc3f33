/** The house rules that a machine can check: what imports what, how large things are, and words that must not be said. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, test } from 'bun:test'
import ts from 'typescript'
import { defaults } from '../src/config/config.ts'
import { features } from '../src/features/index.ts'

const SRC = join(import.meta.dir, '../src')

interface Source {
  /** Below src/, as "routing/router.ts". */
  readonly path: string
  readonly text: string
  readonly tree: ts.SourceFile
  /** Our own files that it imports, types included. */
  readonly imports: readonly string[]
}

const sources: Source[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.tsx?$/.test(path) && !path.endsWith('.d.ts'))
  .map((path) => {
    const text = readFileSync(join(SRC, path), 'utf8')
    const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
    return { path, text, tree, imports: importsOf(path, tree) }
  })

function importsOf(path: string, tree: ts.SourceFile): string[] {
  const found: string[] = []
  visit(tree, (node) => {
    const from =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
          ? node.arguments[0]
          : undefined
    if (!from || !ts.isStringLiteral(from) || !from.text.startsWith('.')) return
    const target = relative(SRC, join(SRC, dirname(path), from.text))
    if (/\.tsx?$/.test(target) && !target.startsWith('..')) found.push(target)
  })
  return found
}

function visit(node: ts.Node, f: (node: ts.Node) => void): void {
  f(node)
  ts.forEachChild(node, (child) => visit(child, f))
}

/** What is common to all: it may be imported by everybody and imports nothing but its own kind. */
const COMMON = ['log', 'metrics', 'config', 'version', 'net', 'bounded-map', 'per-object']
const GROUND = ['store', 'xmpp']
/** The parts of push that never see a session: pure tables, the queue, and the ways out. */
const BLIND = [
  'push/rules',
  'push/outbox',
  'push/apns',
  'push/webpush',
  'push/fcm',
  'push/webhook',
  'push/diagnose',
  'push/direct',
]
/** What the doors and what puts everything together may see. */
const SHARED = [...GROUND, 'limits', 'routing', 'accounts', 'rooms', 'uploads', 'push']
/**
 * Which floors each floor may import beside itself and what is common to all, from the ground up. A name stands for the
 * folder with all that is in it; of several that fit, the longest counts.
 */
const FLOORS: Readonly<Record<string, readonly string[]>> = {
  version: [],
  net: [],
  'bounded-map': [],
  'per-object': [],
  log: [],
  metrics: [],
  'self-signed': [],
  xmpp: [],
  xml: ['xmpp'],
  config: ['xmpp'],
  store: ['xmpp'],
  limits: ['store'],
  auth: [...GROUND],
  routing: [...GROUND, 'auth', 'limits'],
  accounts: [...GROUND, 'limits', 'routing'],
  rooms: [...GROUND, 'limits', 'routing', 'accounts', 'push/rules'],
  uploads: [...GROUND, 'routing'],
  ...Object.fromEntries(BLIND.map((floor) => [floor, [...GROUND, ...BLIND]])),
  'push/schedule': [...GROUND, ...BLIND, 'routing', 'accounts', 'uploads', 'push/registration'],
  'push/registration': [...GROUND, ...BLIND, 'routing', 'accounts', 'push/schedule'],
  /** What puts the sending side together. */
  push: [...GROUND, ...BLIND],
  features: [
    ...GROUND,
    'limits',
    'routing',
    'accounts',
    'rooms',
    'uploads',
    'push/rules',
    'push/schedule',
    'push/registration',
  ],
  stream: [...GROUND, 'limits', 'routing', 'accounts', 'xml', 'self-signed'],
  ops: [...GROUND, 'push', 'self-signed'],
  http: [...SHARED, 'ops', 'packaging'],
  import: [...GROUND, 'routing', 'accounts', 'rooms', 'push/rules', 'push/registration', 'xml'],
  docs: [],
  packaging: [],
  server: [...SHARED, 'features', 'stream', 'http', 'ops', 'self-signed'],
  cli: [...SHARED, 'import', 'server', 'features', 'stream', 'http', 'ops', 'docs', 'packaging', 'xml'],
  main: ['cli', 'ops'],
}
const NAMES = Object.keys(FLOORS).sort((one, other) => other.length - one.length)

const isIn = (path: string, folder: string): boolean =>
  path.startsWith(`${folder}/`) || path.replace(/\.tsx?$/, '') === folder
/** "push/rules/decide.ts" → "push/rules"; undefined where no floor has it. */
const floorOf = (path: string): string | undefined => NAMES.find((name) => isIn(path, name))

describe('imports', () => {
  test('every file stands on a floor', () => {
    expect(sources.map(({ path }) => path).filter((path) => floorOf(path) === undefined)).toEqual([])
  })

  test('they point down, types included', () => {
    const wrong = sources.flatMap(({ path, imports }) =>
      imports.filter((target) => !mayImport(path, target)).map((target) => `${path} imports ${target}`),
    )
    expect(wrong).toEqual([])
  })

  test('no cycles, types included', () => {
    const graph = new Map(sources.map(({ path, imports }) => [path, imports]))
    const done = new Set<string>()
    const cycles: string[] = []
    const walk = (path: string, trail: readonly string[]): void => {
      const at = trail.indexOf(path)
      if (at >= 0) return void cycles.push([...trail.slice(at), path].join(' → '))
      if (done.has(path)) return
      for (const target of graph.get(path) ?? []) walk(target, [...trail, path])
      done.add(path)
    }
    for (const path of graph.keys()) walk(path, [])
    expect(cycles).toEqual([])
  })

  test('no feature imports a feature', () => {
    const folder = (path: string) => dirname(path)
    const wrong = sources
      .filter(({ path }) => path.startsWith('features/') && path !== 'features/index.ts')
      .flatMap(({ path, imports }) =>
        imports
          .filter((target) => target.startsWith('features/'))
          // A feature that is a folder is one feature.
          .filter((target) => folder(path) === 'features' || folder(target) !== folder(path))
          .map((target) => `${path} imports ${target}`),
      )
    expect(wrong).toEqual([])
  })

  function mayImport(from: string, to: string): boolean {
    const floor = floorOf(from) ?? ''
    const allowed = [floor, ...COMMON, ...(FLOORS[floor] ?? [])]
    return allowed.some((name) => isIn(to, name))
  }
})

describe('the road', () => {
  test('has twenty files at most', () => {
    expect(sources.filter(({ path }) => path.startsWith('routing/')).length).toBeLessThanOrEqual(20)
  })

  test('names no extension but the states of XEP-0198, except where tables of others have their types', () => {
    const types = ['feature', 'inline', 'nonza', 'outcome', 'session', 'transit'].map(
      (name) => `routing/${name}.ts`,
    )
    const known: Readonly<Record<string, string>> = {
      'routing/delivery.ts': 'XEP-0160: what a full box is answered with',
      'routing/guard.ts': 'XEP-0280: where an error goes',
      'routing/ping.ts': 'XEP-0199: the question whether a client is there',
    }
    const wrong = sources
      .filter(({ path }) => path.startsWith('routing/') && !types.includes(path) && !(path in known))
      .flatMap(({ path, text }) => (text.match(/XEP-\d{4}/g) ?? []).map((xep) => `${path} names ${xep}`))
      .filter((line) => !line.endsWith('XEP-0198'))
    expect(wrong).toEqual([])
  })
})

/** In a string of its own or between others' text. */
const NAMESPACE =
  /urn:(?:xmpp|ietf:params:xml:ns)[\w:.-]*|https?:\/\/(?:jabber\.org|etherx\.jabber\.org)\/[\w/#-]*|jabber:(?:client|iq:|x:)[\w:]*/g

describe('words', () => {
  /** Lines where `pattern` stands in code; comments and strings are blanked, strings only if asked for. */
  function uses(pattern: RegExp, where: RegExp, text: (source: Source) => string): string[] {
    return sources
      .filter(({ path }) => where.test(path))
      .flatMap((source) =>
        text(source)
          .split('\n')
          .flatMap((line, i) => (pattern.test(line) ? [`${source.path}:${i + 1}: ${line.trim()}`] : [])),
      )
  }

  /** The file with comments blanked out, and strings too. */
  const code = ({ tree, text }: Source): string => blank(tree, text, true)
  const strings = ({ tree, text }: Source): string => blank(tree, text, false)

  test('a docstring begins with the noun that it is about', () => {
    const riddle = /^\s*(?:\/\*\*|\*) (?:What|Where|Who|Whose|Whom|Whoever|When|How) /
    expect(uses(riddle, /./, ({ text }) => text)).toEqual([])
  })

  test('nothing waits between a stanza’s arrival and its commit: no async, no await', () => {
    const wrong = sources
      .filter(({ path }) => /^(xmpp|store|routing|features)\//.test(path))
      .filter(({ tree }) => {
        let found = false
        visit(tree, (node) => {
          if (node.kind === ts.SyntaxKind.AsyncKeyword || ts.isAwaitExpression(node)) found = true
        })
        return found
      })
      .map(({ path }) => path)
    expect(wrong).toEqual([])
  })

  test('only the turn says BEGIN, SAVEPOINT and COMMIT', () => {
    const allowed: Readonly<Record<string, string>> = {
      'store/turn.ts': 'the one place',
      'store/savepoint.ts': 'its SAVEPOINT and ROLLBACK',
      'store/write-lock.ts': 'its BEGIN, which may have to wait for another process',
      'store/migrations.ts': 'runs before there is a turn',
      'store/backup/copy-database.ts': 'a reader of its own, in a Worker',
      'store/lock.ts': 'a database of its own that is nothing but a lock',
    }
    const found = uses(/['"`(]\s*(BEGIN(?! PRIVATE)|SAVEPOINT|COMMIT|ROLLBACK|RELEASE)\b/, /./, strings)
    expect(found.filter((line) => !((line.split(':')[0] ?? '') in allowed))).toEqual([])
  })

  test('accounts are made, changed and removed through one door', () => {
    const changes =
      /\baccounts\s*\.(create|setPassword|setDisabled|delete)\(|\b(deriveCredentials|deleteAccount)\(|\bthis\.#accounts\.create/
    const allowed: Readonly<Record<string, string>> = {
      'accounts/accounts.ts': 'the door',
      'routing/transit.ts': 'the type of what the world does for it',
      'routing/lifetime.ts': 'what the end of an account does to features and sessions',
      'routing/world.ts': 'how the door reaches that',
      'store/credentials.ts': 'how keys are made',
    }
    const found = uses(changes, /./, code).filter(
      (line) => !Object.keys(allowed).some((f) => line.startsWith(`${f}:`)),
    )
    expect(found).toEqual([])
  })

  test('a namespace is written in one place', () => {
    const files = new Map<string, Set<string>>()
    for (const { path, tree } of sources)
      visit(tree, (node) => {
        if (
          !ts.isStringLiteralLike(node) &&
          !ts.isTemplateHead(node) &&
          !ts.isTemplateMiddleOrTemplateTail(node)
        )
          return
        for (const [name] of node.text.matchAll(NAMESPACE))
          files.set(name, (files.get(name) ?? new Set()).add(path))
      })
    const twice = [...files].filter(([, where]) => where.size > 1)
    expect(twice.map(([name, where]) => `${name}: ${[...where].join(', ')}`)).toEqual([])
  })

  test('the data is opened in one way, by a running server and by a command with the server stopped', () => {
    const found = uses(/\b(takeLock|openStore|createWorld)\(/, /./, code).filter(
      (line) => !/: export function /.test(line),
    )
    expect(found.map((line) => line.split(':')[0])).toEqual([
      'server/core.ts',
      'server/core.ts',
      'server/core.ts',
    ])
  })

  test('randomness is injected and cryptographic', () => {
    const allowed: Readonly<Record<string, string>> = {
      'store/clock.ts': 'what is injected',
      'self-signed.ts': 'a serial number, beside a key of its own',
    }
    const own = /Math\s*\.\s*random|\b(getRandomValues|randomBytes|randomUUID|randomInt)\(/
    expect(uses(own, /./, code).filter((line) => !((line.split(':')[0] ?? '') in allowed))).toEqual([])
  })

  test('the road has no clock of its own', () => {
    const own = /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bsetTimeout\(|\bsetInterval\(/
    expect(uses(own, /^(xmpp|routing|features|stream)\//, code)).toEqual([])
    expect(uses(own, /^store\/(?!clock\.ts)/, code)).toEqual([])
  })

  test('no default exports', () => {
    const wrong = sources.filter(({ tree }) =>
      tree.statements.some(
        (statement) =>
          ts.isExportAssignment(statement) ||
          (ts.canHaveModifiers(statement) &&
            ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)),
      ),
    )
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  test('no `any`', () => {
    const wrong = sources.filter(({ tree }) => {
      let found = false
      visit(tree, (node) => void (found ||= node.kind === ts.SyntaxKind.AnyKeyword))
      return found
    })
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  test('SQL is never put together from values: what a template inserts is a name from our own lists', () => {
    const SQL = /\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|PRAGMA|CREATE|DROP|ALTER)\b/
    /** Tables and figures of our own that no statement can take as a parameter. */
    const names = new Set([
      'table',
      'columns',
      'values',
      'unless',
      'WAL_KEPT',
      'PAGE_BYTES',
      'CACHE_KIB',
      'CLOSING_MS',
      'OPENING_MS',
      'ms',
      'step + 1',
      'VERDICT',
      'WAITING',
      'COLUMNS',
      'CHOSEN',
    ])
    const wrong = sources.flatMap(({ path, tree }) => {
      const found: string[] = []
      visit(tree, (node) => {
        // Drizzle's own tag makes parameters of what it is given.
        if (!ts.isTemplateExpression(node) || ts.isTaggedTemplateExpression(node.parent)) return
        if (!SQL.test(node.head.text) && !node.templateSpans.some(({ literal }) => SQL.test(literal.text)))
          return
        if (path.startsWith('cli/') || path.startsWith('packaging/') || path.startsWith('http/web')) return
        for (const { expression } of node.templateSpans)
          if (!names.has(expression.getText())) found.push(`${path}: \${${expression.getText()}}`)
      })
      return found
    })
    expect(wrong).toEqual([])
  })
})

describe('size', () => {
  const lines = (text: string): number => text.trimEnd().split('\n').length

  test('the road is a page to show: router.ts has at most 200 lines', () => {
    expect(lines(sources.find(({ path }) => path === 'routing/router.ts')?.text ?? '')).toBeLessThanOrEqual(
      200,
    )
  })

  test('files have at most 400 lines', () => {
    expect(
      sources.filter(({ text }) => lines(text) > 400).map(({ path, text }) => `${path}: ${lines(text)}`),
    ).toEqual([])
  })

  test('functions have at most 60 lines; one that only lists is as long as its list', () => {
    const wrong = sources.flatMap(({ path, tree }) => {
      const found: string[] = []
      visit(tree, (node) => {
        // Markup is not a function’s work.
        if (path.endsWith('.tsx') || !ts.isFunctionLike(node) || !('body' in node) || !node.body) return
        const first = tree.getLineAndCharacterOfPosition(node.getStart()).line
        const last = tree.getLineAndCharacterOfPosition(node.getEnd()).line
        const length = last - first + 1
        if (length > 60 && !lists(node)) found.push(`${path}:${first + 1}: ${length} lines`)
      })
      return found
    })
    expect(wrong).toEqual([])
  })

  /** Constructors that prepare statements, and functions that register routes, one after another. */
  function lists(node: ts.SignatureDeclaration): boolean {
    if (ts.isConstructorDeclaration(node)) return true
    const body = 'body' in node && node.body && ts.isBlock(node.body) ? node.body.statements : undefined
    return (
      body !== undefined &&
      body.every((statement) => ts.isExpressionStatement(statement) || ts.isVariableStatement(statement))
    )
  }
})

describe('features', () => {
  const list = features(defaults())
  const files = readdirSync(join(SRC, 'features')).filter((name) => name !== 'index.ts')

  test('each stands in a file or folder of its name', () => {
    const names = files.map((name) => name.replace(/\.ts$/, ''))
    // What is known to arrive is the road's own; it stands among the hooks because their order matters.
    expect(list.map(({ name }) => name).toSorted()).toEqual([...names, 'redelivery'].toSorted())
  })

  test('sixteen hooks at most', () => {
    const contract = sources.find(({ path }) => path === 'routing/feature.ts')
    const feature = contract?.tree.statements.find(
      (node): node is ts.InterfaceDeclaration =>
        ts.isInterfaceDeclaration(node) && node.name.text === 'Feature',
    )
    const hooks = feature?.members.filter(
      (member) => ts.isMethodSignature(member) || member.name?.getText() === 'delivery',
    )
    expect(hooks?.length).toBeGreaterThan(10)
    expect(hooks?.length).toBeLessThanOrEqual(16)
  })

  test('each stands in the order once', () => {
    expect(new Set(list.map(({ name }) => name)).size).toBe(list.length)
  })

  test('no extension is claimed twice', () => {
    const numbers = list.flatMap(({ xeps }) => xeps.map(({ number }) => number))
    expect(numbers.filter((number, i) => numbers.indexOf(number) !== i)).toEqual([])
  })
})

/** The text with comments, and where asked strings, turned into spaces; lines stay where they are. */
function blank(tree: ts.SourceFile, text: string, stringsToo: boolean): string {
  const spans: [number, number][] = []
  const comments = (at: number) => {
    for (const range of [
      ...(ts.getLeadingCommentRanges(text, at) ?? []),
      ...(ts.getTrailingCommentRanges(text, at) ?? []),
    ])
      spans.push([range.pos, range.end])
  }
  visit(tree, (node) => {
    comments(node.getFullStart())
    comments(node.getEnd())
    const isText =
      ts.isStringLiteralLike(node) || ts.isRegularExpressionLiteral(node) || ts.isTemplateHead(node)
    if (stringsToo && isText) spans.push([node.getStart(), node.getEnd()])
  })
  const chars = text.split('')
  for (const [start, end] of spans) for (let i = start; i < end; i++) if (chars[i] !== '\n') chars[i] = ' '
  return chars.join('')
}
