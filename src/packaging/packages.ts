/** Files of a package where Debian and EL look for them, and the two kinds of package around them. */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

export interface Parts {
  readonly version: string
  /** Path of the executable. */
  readonly binary: string
  /** Path below the root, and content. */
  readonly files: Readonly<Record<string, string>>
  /** Seconds since the epoch: the only time in the packages. */
  readonly epoch: number
}

const DESCRIPTION = 'XMPP chat server with Apple push built in'

/** As setup makes them; an update restarts what runs, an installation starts nothing. */
const AFTER_INSTALL = `getent group belfry >/dev/null || groupadd --system belfry
getent passwd belfry >/dev/null || useradd --system --gid belfry --home-dir /var/lib/belfry --no-create-home --shell /usr/sbin/nologin belfry
install -d -o belfry -g belfry -m 0750 /var/lib/belfry
install -d -o root -g belfry -m 0750 /etc/belfry
if [ -e /etc/systemd/system/belfry.service ]; then
  echo "belfry: /etc/systemd/system/belfry.service is of belfry setup and goes before the unit of this package." >&2
  echo "belfry: to run the package: rm /etc/systemd/system/belfry.service /usr/local/bin/belfry; systemctl daemon-reload; systemctl restart belfry" >&2
fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  if [ "$upgrade" = yes ]; then systemctl try-restart belfry.service || true; fi
fi
`
const BEFORE_REMOVE = `if [ -d /run/systemd/system ]; then systemctl disable --now belfry.service || true; fi
`
const AFTER_REMOVE = `if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
`

/** lintian's errors that have a reason. */
const OVERRIDES = [
  'statically-linked-binary',
  'unstripped-binary-or-object',
  'embedded-library',
  'hardening-no-pie',
  'hardening-no-relro',
  'hardening-no-bindnow',
  'hardening-no-fortify-functions',
  'no-manual-page',
]
  .map(
    (tag) =>
      `# Of the runtime, behind which the program is appended: strip destroys it.\nbelfry binary: ${tag}\n`,
  )
  .join('')

export function run(command: readonly string[], epoch: number): void {
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(epoch) }
  const done = Bun.spawnSync([...command], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', env })
  if (!done.success)
    throw new Error(`${command.join(' ')}: ${done.stderr.toString()}${done.stdout.toString()}`)
}

function write(path: string, content: string | Uint8Array, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  chmodSync(path, mode)
}

function stage(root: string, { binary, files }: Parts): void {
  chmodSync(root, 0o755)
  mkdirSync(join(root, 'usr/bin'), { recursive: true })
  cpSync(binary, join(root, 'usr/bin/belfry'))
  chmodSync(join(root, 'usr/bin/belfry'), 0o755)
  for (const [path, content] of Object.entries(files))
    write(join(root, path), path.endsWith('.gz') ? gzipSync(content, { level: 9 }) : content)
}

/** xz: the dpkg of Debian 11 reads no zstd. */
export function makeDeb(parts: Parts, arch: string, target: string): void {
  const root = mkdtempSync(join(tmpdir(), 'belfry-deb-'))
  try {
    stage(root, parts)
    write(join(root, 'usr/share/lintian/overrides/belfry'), OVERRIDES)
    const control = [
      ['Package', 'belfry'],
      ['Version', parts.version],
      ['Architecture', arch],
      ['Maintainer', 'Belfry <belfry@localhost>'],
      ['Section', 'net'],
      ['Priority', 'optional'],
      ['Depends', 'libc6 (>= 2.17), passwd'],
      ['Recommends', 'systemd, ca-certificates'],
      ['Description', `${DESCRIPTION}\n One executable, one database file, one configuration file.`],
    ]
    write(join(root, 'DEBIAN/control'), control.map(([key, value]) => `${key}: ${value}\n`).join(''))
    const script = (text: string): string => `#!/bin/sh\nset -e\n${text}`
    write(
      join(root, 'DEBIAN/postinst'),
      script(
        `[ "$1" = configure ] || exit 0\nupgrade=no\nif [ -n "$2" ]; then upgrade=yes; fi\n${AFTER_INSTALL}`,
      ),
      0o755,
    )
    write(join(root, 'DEBIAN/prerm'), script(`[ "$1" = remove ] || exit 0\n${BEFORE_REMOVE}`), 0o755)
    write(
      join(root, 'DEBIAN/postrm'),
      script(
        `${AFTER_REMOVE}# The data is people's messages: it is removed by hand.\nif [ "$1" = purge ]; then rm -rf /etc/belfry; fi\n`,
      ),
      0o755,
    )
    run(['dpkg-deb', '--root-owner-group', '-Zxz', '-z1', '-b', root, target], parts.epoch)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** rpm's own ways of making things smaller would destroy the executable. */
export function makeRpm(parts: Parts, arch: string, target: string): void {
  const home = mkdtempSync(join(tmpdir(), 'belfry-rpm-'))
  try {
    const root = join(home, 'files')
    mkdirSync(root)
    stage(root, parts)
    const spec = `Name: belfry
Version: ${parts.version.replaceAll('-', '~')}
Release: 1
Summary: ${DESCRIPTION}
License: MIT
AutoReqProv: no
Requires: glibc >= 2.17, shadow-utils
%define __os_install_post %{nil}
%define debug_package %{nil}
%define _build_id_links none
%define _binary_payload w1.xzdio
%define _buildhost localhost
%define use_source_date_epoch_as_buildtime 1
%define clamp_mtime_to_source_date_epoch 1
%description
One executable, one database file, one configuration file.
%install
cp -a ${root}/. %{buildroot}/
%files
/usr/bin/belfry
${Object.keys(parts.files)
  .map((path) => `/${path}`)
  .join('\n')}
%post
upgrade=no
if [ "$1" -gt 1 ]; then upgrade=yes; fi
${AFTER_INSTALL}%preun
if [ "$1" = 0 ]; then
${BEFORE_REMOVE}fi
%postun
${AFTER_REMOVE}`
    write(join(home, 'belfry.spec'), spec)
    const define = ['--define', `_topdir ${home}`, '--define', `_rpmdir ${home}/out`]
    run(['rpmbuild', '-bb', '--target', arch, ...define, join(home, 'belfry.spec')], parts.epoch)
    const made = [...new Bun.Glob('out/**/*.rpm').scanSync(home)][0]
    if (made === undefined) throw new Error('rpmbuild has made nothing')
    cpSync(join(home, made), target)
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

/** The same files in a folder, for whatever else there is. */
export function makeTarball(parts: Parts, name: string, target: string): void {
  const home = mkdtempSync(join(tmpdir(), 'belfry-tar-'))
  try {
    mkdirSync(join(home, name))
    stage(join(home, name), parts)
    const same = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${parts.epoch}`]
    run(['tar', '-C', home, ...same, '-I', 'xz -1 -T0', '-cf', `${target}.part`, name], parts.epoch)
    renameSync(`${target}.part`, target)
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

export const read = (path: string): string => readFileSync(path, 'utf8')
