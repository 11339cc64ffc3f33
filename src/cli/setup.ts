import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { Command } from 'commander'
import { type Config, ConfigError, defaults, parseConfig } from '../config/config.ts'
import { readSigningKey } from '../push/apns/token.ts'
import { prepareDomain } from '../xmpp/jid.ts'
import type { Context, ContextOf } from './context.ts'
import { CliError, EXIT } from './exit.ts'
import { adviceFor } from './setup/advice.ts'
import { type Apns, configText } from './setup/config-file.ts'
import { at, directory, file, isWhole, type Machine, type Owner } from './setup/plan.ts'
import { installProgram, isPackaged, PACKAGED, PROGRAM } from './setup/program-file.ts'
import {
  CONFIG_DIR,
  CONFIG_FILE,
  DATA_DIR,
  start,
  UNIT_FILE,
  unitOf,
  whatServerSays,
} from './setup/service.ts'
import { uninstall } from './setup/uninstall.ts'
import { serviceOwner } from './setup/user.ts'

export interface SetupOptions {
  readonly domain?: string
  readonly admin: readonly string[]
  readonly cert?: string
  readonly key?: string
  readonly acme?: string
  readonly apnsKey?: string
  readonly apnsKeyId?: string
  readonly apnsTeam?: string
  readonly apnsTopic?: string
  readonly binary?: string
  readonly root: string
  readonly dryRun?: true
  readonly force?: true
  readonly uninstall?: true
  readonly purge?: true
}

export function addSetup(program: Command, context: ContextOf): void {
  program
    .command('setup')
    .description('make a server of this machine: user, files, unit, start; again and again to the same')
    .option('--domain <domain>', 'the domain that addresses end in')
    .option(
      '--admin <jid...>',
      'accounts that may use the web admin; else whoever opens the link at the end',
      [],
    )
    .option('--cert <file>', 'certificate chain, PEM, which is copied; without one the server signs its own')
    .option('--key <file>', 'its private key, PEM, which is copied')
    .option('--acme <email>', 'let the server get its certificate itself')
    .option('--apns-key <file>', 'the key of Apple, AuthKey_….p8, which is copied')
    .option('--apns-key-id <id>', 'its id; taken from the name of the file where that has it')
    .option('--apns-team <id>', 'id of the team at Apple')
    .option('--apns-topic <topic>', 'bundle id of the app')
    .option('--binary <file>', `the executable to copy to ${PROGRAM}, else this one`)
    .option('--root <directory>', 'write below this folder alone, and start nothing', '/')
    .option('--dry-run', 'say what would be done, and do nothing')
    .option('--force', 'replace files that differ without asking')
    .option('--uninstall', 'remove unit and executable; configuration and data stay')
    .option('--purge', 'with --uninstall: configuration, data and user as well')
    .action(async (options: SetupOptions) => {
      const ctx = context()
      const machine = machineOf(ctx, options)
      if (isWhole(machine) && process.getuid?.() !== 0 && !machine.dryRun)
        throw new CliError('this is for root: sudo belfry setup …; or look first, with --dry-run')
      if (options.uninstall) return uninstall(ctx, machine, options.purge === true)
      if (options.purge) throw new CliError('--purge goes with --uninstall', EXIT.usage)
      await setUp(ctx, machine, options)
    })
}

function machineOf(ctx: Context, { root, dryRun, force }: SetupOptions): Machine {
  return {
    root,
    dryRun: dryRun === true,
    say: (line) => (ctx.out.json ? undefined : ctx.out.line(line)),
    async replaces(path, difference) {
      if (force) return true
      ctx.out.warn(`${path} is not as it would be written:`)
      for (const line of difference.split('\n')) process.stderr.write(`  ${line}\n`)
      if (ctx.options.yes || !process.stdin.isTTY || dryRun) return false
      return ctx.confirm(`Replace ${path}?`).then(
        () => true,
        () => false,
      )
    },
    run(command) {
      const run = Bun.spawnSync([...command], { stdin: 'ignore' })
      const out = run.stdout.toString()
      if (run.exitCode === 0) return out
      throw new CliError(
        `${command.join(' ')}: ${run.stderr.toString().trim() || out.trim() || `status ${run.exitCode}`}`,
      )
    },
  }
}

interface Given {
  readonly domain: string
  readonly pair: { readonly cert: string; readonly key: string } | undefined
  readonly apns: (Apns & { readonly text: string }) | undefined
}

async function setUp(ctx: Context, machine: Machine, options: SetupOptions): Promise<void> {
  // Everything that may be wrong with what was given, before anything is touched.
  const given = { domain: domainOf(options.domain), pair: pairOf(options), apns: apnsOf(options) }
  const text = textOf(options, given)
  await agrees(ctx, options)
  const owner = serviceOwner(machine)
  const root: Owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  const readable: Owner = { uid: root.uid, gid: owner.gid }
  directory(machine, CONFIG_DIR, 0o750, readable)
  directory(machine, DATA_DIR, 0o750, owner)
  const secrets = keysOf(given).map(([path, content]) => ({ path, content, mode: 0o640, owner: readable }))
  let changed = false
  for (const secret of secrets) changed = (await file(machine, secret)) || changed
  changed =
    (await file(machine, { path: CONFIG_FILE, content: text, mode: 0o640, owner: readable })) || changed
  const packaged = isPackaged(machine, options.binary)
  const program = packaged ? false : await installProgram(machine, options.binary)
  const config = inForce(machine, text)
  const fetches = config?.acme.email !== undefined
  const content = unitOf(packaged ? PACKAGED : PROGRAM, fetches)
  // The package's own unit serves but for low ports.
  const needsUnit = !packaged || fetches || existsSync(at(machine, UNIT_FILE))
  const unit = needsUnit && (await file(machine, { path: UNIT_FILE, content, mode: 0o644, owner: root }))
  if (config?.tls.cert === undefined && !fetches)
    ctx.out.warn(
      'no certificate was named, so the server signs its own, which apps must be told to trust: --cert and --key',
    )
  const isStarted = start(machine, { unit, program, config: changed })
  if (isStarted) await whatServerSays(ctx, machine)
  if (!ctx.out.json)
    for (const line of adviceFor({ root: machine.root, domain: given.domain })) ctx.out.text(line)
  else
    ctx.out.document({
      ok: true,
      domain: given.domain,
      started: isStarted,
      changed: changed || program || unit,
    })
}

/** The configuration of the file that is there, which may be another than the one that would be written. */
function inForce(machine: Machine, fresh: string): Config | undefined {
  const path = at(machine, CONFIG_FILE)
  return parseConfig(existsSync(path) ? readFileSync(path, 'utf8') : fresh, CONFIG_FILE).config
}

/** The authority wants the word of the person, not of a program. */
async function agrees(ctx: Context, { acme, dryRun }: SetupOptions): Promise<void> {
  if (acme === undefined || dryRun) return
  const { directory: authority } = defaults().acme
  await ctx.confirm(
    `Do you agree to the terms of service of ${new URL(authority).host}, which gives certificates?`,
  )
}

function domainOf(text: string | undefined): string {
  if (text === undefined) throw new CliError('say for which domain: --domain example.org', EXIT.usage)
  try {
    return prepareDomain(text)
  } catch {
    throw new CliError(`"${text}" is no domain such as example.org`, EXIT.usage)
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new CliError(
      `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      EXIT.usage,
    )
  }
}

const PAIR = { cert: `${CONFIG_DIR}/cert.pem`, key: `${CONFIG_DIR}/key.pem` }

function pairOf({ cert, key }: SetupOptions): Given['pair'] {
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined) throw new CliError('--cert and --key go together', EXIT.usage)
  const pair = { cert: read(cert), key: read(key) }
  let fits = false
  try {
    fits = new X509Certificate(pair.cert).checkPrivateKey(createPrivateKey(pair.key))
  } catch (error) {
    throw new CliError(
      `${cert}, ${key}: ${error instanceof Error ? error.message : String(error)}`,
      EXIT.usage,
    )
  }
  if (!fits) throw new CliError(`${key} is not the key of the first certificate in ${cert}`, EXIT.usage)
  return pair
}

function apnsOf({ apnsKey, apnsKeyId, apnsTeam, apnsTopic }: SetupOptions): Given['apns'] {
  if (apnsKey === undefined) {
    if (apnsKeyId ?? apnsTeam ?? apnsTopic)
      throw new CliError('the key itself is missing: --apns-key', EXIT.usage)
    return undefined
  }
  const keyId = apnsKeyId ?? /^AuthKey_([A-Z0-9]{10})\.p8$/.exec(basename(apnsKey))?.[1]
  if (keyId === undefined || apnsTeam === undefined || apnsTopic === undefined)
    throw new CliError('--apns-key needs --apns-key-id, --apns-team and --apns-topic beside it', EXIT.usage)
  const text = read(apnsKey)
  try {
    readSigningKey(text)
  } catch (error) {
    throw new CliError(`${apnsKey}: ${error instanceof Error ? error.message : String(error)}`, EXIT.usage)
  }
  return { keyFile: `${CONFIG_DIR}/AuthKey_${keyId}.p8`, keyId, teamId: apnsTeam, topic: apnsTopic, text }
}

const keysOf = ({ pair, apns }: Given): [string, string][] => [
  ...(pair
    ? ([
        [PAIR.cert, pair.cert],
        [PAIR.key, pair.key],
      ] satisfies [string, string][])
    : []),
  ...(apns ? ([[apns.keyFile, apns.text]] satisfies [string, string][]) : []),
]

/** @throws ConfigError where what was given makes no configuration */
function textOf({ admin, acme }: SetupOptions, { domain, pair, apns }: Given): string {
  const text = configText({ domain, admins: admin, apns, acme, ...(pair ? PAIR : {}) })
  const parsed = parseConfig(text, CONFIG_FILE)
  if (parsed.errors) throw new ConfigError(parsed.errors)
  return text
}
