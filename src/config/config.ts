/** The configuration: TOML, strict, every error at once and each with its place in the file. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse, TomlError } from 'smol-toml'
import type { z } from 'zod'
import { knownKeys } from './describe.ts'
import { fileTrouble, type NamedFile, readableByAll, resolveFiles } from './files.ts'
import { locate, type Path } from './positions.ts'
import { type ConfigProblem, formatProblem, fromZod, problem } from './problems.ts'
import { configSchema } from './schema.ts'

type Parsed = z.output<typeof configSchema>

export interface ConfigSource {
  /** The file, or undefined for the built-in defaults. */
  readonly file: string | undefined
  readonly warnings: readonly string[]
}

/** Durations are milliseconds, sizes bytes; a limit that is switched off is Infinity (never hand that to a timer). */
export type Config = Omit<Parsed, 'data_dir'> & { readonly data_dir: string; readonly source: ConfigSource }

export type ParseResult =
  | { readonly config: Config; readonly errors?: undefined }
  | { readonly config?: undefined; readonly errors: readonly ConfigProblem[] }

/** The configuration cannot be used: exit code 2. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly (ConfigProblem | string)[]) {
    super(problems.map((p) => (typeof p === 'string' ? p : formatProblem(p))).join('\n'))
    this.name = 'ConfigError'
  }
}

interface Outcome {
  readonly result: ParseResult
  readonly files: readonly NamedFile[]
  readonly fault: (path: Path, message: string) => ConfigProblem
}

export function parseConfig(toml: string, file: string): ParseResult {
  return examine(toml, file).result
}

function examine(toml: string, file: string): Outcome {
  const failed = (errors: ConfigProblem[]): Outcome => ({
    result: { errors },
    files: [],
    fault: (_path, message) => problem(toml, file, { line: 1, column: 1 }, message),
  })
  let raw: Record<string, unknown>
  try {
    raw = parse(toml)
  } catch (error) {
    return failed([syntaxProblem(error, toml, file)])
  }
  // Only for what is wrong: a good file needs no second reading.
  const places = (): ReturnType<typeof locate> => locate(toml)
  const checked = configSchema.safeParse(raw)
  if (!checked.success) {
    const found = fromZod(checked.error.issues, places(), knownKeys)
    found.sort((a, b) => a.at.line - b.at.line || a.at.column - b.at.column)
    const shape = failed(found.map(({ at, message }) => problem(toml, file, at, message)))
    const fault = (path: Path, message: string) => problem(toml, file, places().value(path), message)
    return { ...shape, files: resolveFiles(raw, dirname(resolve(file))), fault }
  }
  const directory = dirname(resolve(file))
  const files = resolveFiles(checked.data, directory)
  // A file under /etc must not make /etc hold the data; any other keeps it beside itself.
  const dataDir = checked.data.data_dir ?? (directory.startsWith('/etc') ? '/var/lib/belfry' : 'data')
  const config: Config = {
    ...inPlainValues(checked.data),
    data_dir: resolve(directory, dataDir),
    source: { file: resolve(file), warnings: [] },
  }
  const fault = (path: Path, message: string) => problem(toml, file, places().value(path), message)
  return { result: { config }, files, fault }
}

function syntaxProblem(error: unknown, toml: string, file: string): ConfigProblem {
  if (!(error instanceof Error)) throw error
  const message = (error.message.split('\n')[0] ?? '').replace('Invalid TOML document: ', 'not TOML: ')
  if (error instanceof TomlError) return problem(toml, file, error, message)
  // toml-eslint-parser's own refusal; its columns count from zero.
  const at = error as Error & { lineNumber?: number; column?: number }
  return problem(
    toml,
    file,
    { line: at.lineNumber ?? 1, column: (at.column ?? 0) + 1 },
    `not TOML: ${message}`,
  )
}

/** `limits.rates = false` as plain values, so that no other file needs to know the switch. */
function inPlainValues(config: Parsed): Parsed {
  if (config.registration.timeout === Infinity) config.registration.timeout = 0
  if (config.push.burst === 0) config.push.burst = Infinity
  if (config.limits.rates) return config
  Object.assign(config.limits, {
    connections_per_ip: Infinity,
    auth_failures: Infinity,
    auth_failures_per_ip: Infinity,
    suspect_handshakes: Infinity,
    stanzas_per_second: Infinity,
    stanza_burst: Infinity,
    bytes_per_second: Infinity,
    bytes_burst: Infinity,
    http_requests_per_ip: Infinity,
    room_messages_per_second: Infinity,
    room_presences_per_second: Infinity,
    room_joins_per_second: Infinity,
  } satisfies Partial<Parsed['limits']>)
  Object.assign(config.registration, { timeout: 0, min_password: 0 })
  config.push.burst = Infinity
  return config
}

/** The configuration without any file: this machine only, the simulator as the phone. */
export function defaults(): Config {
  const parsed = configSchema.parse({
    c2s: {
      listen: ['127.0.0.1:5222', '[::1]:5222'],
      direct_tls_listen: ['127.0.0.1:5223', '[::1]:5223'],
    },
    http: { listen: ['127.0.0.1:5280', '[::1]:5280'] },
    push: { simulator: true },
  })
  return { ...inPlainValues(parsed), data_dir: resolve('data'), source: { file: undefined, warnings: [] } }
}

export interface LoadOptions {
  /** `--config`. */
  readonly file?: string | undefined
  /** Also check the files that it names: `serve` and `config check` do, a verb that only talks to them need not. */
  readonly checkFiles?: boolean
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** `--config`, `$BELFRY_CONFIG`, `./belfry.toml`, `/etc/belfry/belfry.toml`, else the built-in defaults. */
export function findConfig({ file, env = process.env }: LoadOptions = {}): string | undefined {
  const named = file ?? (env.BELFRY_CONFIG || undefined)
  if (named !== undefined) return resolve(named)
  return ['belfry.toml', '/etc/belfry/belfry.toml']
    .map((path) => resolve(path))
    .find((path) => existsSync(path))
}

/** Problems of what the keys name, each with the place of its key where there is a file. */
export function placed(
  { source: { file } }: Config,
  found: readonly { readonly path: Path; readonly message: string }[],
): (ConfigProblem | string)[] {
  if (file === undefined) return found.map(({ message }) => message)
  const toml = readFileSync(file, 'utf8')
  const places = locate(toml)
  return found.map(({ path, message }) => problem(toml, file, places.value(path), message))
}

/** Choices of the operator that are weaker or without effect, so that they are not forgotten. */
function weakened({ tls, acme }: Config): string[] {
  const rests = acme.email !== undefined && tls.cert !== undefined
  const warnings = rests
    ? ['[acme] does nothing beside [tls] cert: remove cert and key to have it fetch certificates.']
    : []
  if (tls.compat === 'none') return warnings
  return [
    ...warnings,
    tls.min === '1.3'
      ? 'tls.compat = "old" does nothing beside tls.min = "1.3": it is about ciphers of TLS 1.2.'
      : 'tls.compat = "old" allows ECDHE with AES-CBC in TLS 1.2 (against RFC 9325); remove it when the last old phone is gone.',
  ]
}

/** @throws ConfigError */
export function loadConfig(options: LoadOptions = {}): Config {
  const file = findConfig(options)
  if (file === undefined) return defaults()
  const trouble = fileTrouble(file)
  if (trouble) throw new ConfigError([`${trouble}, or write one with: belfry config init`])
  const { result, files, fault } = examine(readFileSync(file, 'utf8'), file)
  if (!options.checkFiles) {
    if (result.errors) throw new ConfigError(result.errors)
    return result.config
  }
  // What is wrong with the files is told beside what is wrong with the keys, so that one look is enough.
  const problems: ConfigProblem[] = [...(result.errors ?? [])]
  const warnings = result.config ? weakened(result.config) : []
  for (const named of files) {
    const missing = fileTrouble(named.file)
    if (missing) problems.push(fault(named.path, missing))
    else if (named.secret && readableByAll(named.file)) {
      warnings.push(`${named.file} can be read by every user of this machine; try: chmod o-rwx ${named.file}`)
    }
  }
  if (problems.length > 0 || !result.config) throw new ConfigError(problems)
  return { ...result.config, source: { file, warnings } }
}
