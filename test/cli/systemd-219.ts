/**
 * What systemd 219 (CentOS 7) makes of a unit, read off its sources: the keys that it knows, and the form of value that
 * each of ours must have there. A key that it does not know is skipped with a warning; so is a word that it cannot
 * read, while the rest of its line counts.
 */

/** Keys by section, from load-fragment-gperf of the version that CentOS 7 ships (AmbientCapabilities is its backport). */
export const KNOWN_TO_219: Readonly<Record<string, ReadonlySet<string>>> = {
  Unit: words(`
  After AllowIsolate AssertACPower AssertArchitecture AssertCapability AssertDirectoryNotEmpty
  AssertFileIsExecutable AssertFileNotEmpty AssertFirstBoot AssertHost AssertKernelCommandLine AssertNeedsUpdate
  AssertNull AssertPathExists AssertPathExistsGlob AssertPathIsDirectory AssertPathIsMountPoint
  AssertPathIsReadWrite AssertPathIsSymbolicLink AssertSecurity AssertVirtualization Before BindTo BindsTo
  CollectMode ConditionACPower ConditionArchitecture ConditionCapability ConditionDirectoryNotEmpty
  ConditionFileIsExecutable ConditionFileNotEmpty ConditionFirstBoot ConditionHost ConditionKernelCommandLine
  ConditionNeedsUpdate ConditionNull ConditionPathExists ConditionPathExistsGlob ConditionPathIsDirectory
  ConditionPathIsMountPoint ConditionPathIsReadWrite ConditionPathIsSymbolicLink ConditionSecurity
  ConditionVirtualization Conflicts DefaultDependencies Description Documentation IgnoreOnIsolate IgnoreOnSnapshot
  JobTimeoutAction JobTimeoutRebootArgument JobTimeoutSec JoinsNamespaceOf OnFailure OnFailureIsolate
  OnFailureJobMode PartOf PropagateReloadFrom PropagateReloadTo PropagatesReloadTo RefuseManualStart
  RefuseManualStop ReloadPropagatedFrom Requires RequiresMountsFor RequiresOverridable Requisite
  RequisiteOverridable SourcePath StopWhenUnneeded Wants
  `),
  Service: words(`
  AmbientCapabilities AppArmorProfile BlockIOAccounting BlockIODeviceWeight BlockIOReadBandwidth BlockIOWeight
  BlockIOWriteBandwidth BusName BusPolicy CPUAccounting CPUAffinity CPUQuota CPUSchedulingPolicy
  CPUSchedulingPriority CPUSchedulingResetOnFork CPUShares Capabilities CapabilityBoundingSet Delegate DeviceAllow
  DevicePolicy Environment EnvironmentFile ExecReload ExecStart ExecStartPost ExecStartPre ExecStop ExecStopPost
  FailureAction FileDescriptorStoreMax Group GuessMainPID IOSchedulingClass IOSchedulingPriority IgnoreSIGPIPE
  InaccessibleDirectories KillMode KillSignal LimitAS LimitCORE LimitCPU LimitDATA LimitFSIZE LimitLOCKS
  LimitMEMLOCK LimitMSGQUEUE LimitNICE LimitNOFILE LimitNPROC LimitRSS LimitRTPRIO LimitRTTIME LimitSIGPENDING
  LimitSTACK MemoryAccounting MemoryLimit MountFlags Nice NoNewPrivileges NonBlocking NotifyAccess OOMScoreAdjust
  PAMName PIDFile PassEnvironment PermissionsStartOnly Personality PrivateDevices PrivateNetwork PrivateTmp
  ProtectHome ProtectSystem ReadOnlyDirectories ReadWriteDirectories RebootArgument RemainAfterExit Restart
  RestartForceExitStatus RestartPreventExitStatus RestartSec RestrictAddressFamilies RootDirectory
  RootDirectoryStartOnly RuntimeDirectory RuntimeDirectoryMode SELinuxContext SecureBits SendSIGHUP SendSIGKILL
  Slice SmackProcessLabel Sockets StandardError StandardInput StandardOutput StartLimitAction StartLimitBurst
  StartLimitInterval StartupBlockIOWeight StartupCPUShares SuccessExitStatus SupplementaryGroups SysVStartPriority
  SyslogFacility SyslogIdentifier SyslogLevel SyslogLevelPrefix SystemCallArchitectures SystemCallErrorNumber
  SystemCallFilter TTYPath TTYReset TTYVHangup TTYVTDisallocate TasksAccounting TasksMax TimeoutSec
  TimeoutStartSec TimeoutStopSec TimerSlackNSec Type UMask User UtmpIdentifier WatchdogSec WorkingDirectory
  `),
  Install: words(`
  Alias Also DefaultInstance RequiredBy WantedBy
  `),
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/))
}

const BOOLEAN = /^(1|yes|y|true|t|on|0|no|n|false|f|off)$/i
const TIME = /^(infinity|\d+(us|ms|s|min|h|d|w)?)$/
const MODE = /^0?[0-7]{3}$/
const PATH = /^\/\S*$/
const NAME = /^[a-z_][a-z0-9_-]*$/
const COMMAND = /^[-@]*\/\S+( \S+)*$/
const UNITS = /^\S+\.(target|service|socket)( \S+\.(target|service|socket))*$/

/** The value of each key of ours that 219 knows, as its parser of that key takes it; of lists, one word. */
export const FORM_IN_219: Readonly<Record<string, { readonly value: RegExp } | { readonly word: RegExp }>> = {
  Description: { value: /^[^%]+$/ },
  Wants: { value: UNITS },
  After: { value: UNITS },
  WantedBy: { value: UNITS },
  Type: { value: /^(simple|forking|oneshot|dbus|notify|idle)$/ },
  NotifyAccess: { value: /^(none|main|all)$/ },
  ExecStart: { value: COMMAND },
  ExecReload: { value: COMMAND },
  WatchdogSec: { value: TIME },
  TimeoutStartSec: { value: TIME },
  TimeoutStopSec: { value: TIME },
  Restart: { value: /^(no|on-success|on-failure|on-abnormal|on-watchdog|on-abort|always)$/ },
  RestartSec: { value: TIME },
  RestartPreventExitStatus: { word: /^(\d{1,2}|1\d\d|2[0-4]\d|25[0-5]|SIG[A-Z]+)$/ },
  User: { value: NAME },
  Group: { value: NAME },
  UMask: { value: MODE },
  WorkingDirectory: { value: PATH },
  RuntimeDirectory: { word: /^[^/\s]+$/ },
  RuntimeDirectoryMode: { value: MODE },
  LimitNOFILE: { value: /^(infinity|\d+(:\d+)?)$/ },
  LimitCORE: { value: /^(infinity|\d+[KMGTPE]?(:\d+[KMGTPE]?)?)$/ },
  CapabilityBoundingSet: { word: /^~?CAP_[A-Z_]+$/ },
  AmbientCapabilities: { word: /^~?CAP_[A-Z_]+$/ },
  NoNewPrivileges: { value: BOOLEAN },
  ProtectSystem: { value: /^(yes|no|true|false|1|0|on|off|full)$/ },
  ProtectHome: { value: /^(yes|no|true|false|1|0|on|off|read-only)$/ },
  PrivateTmp: { value: BOOLEAN },
  PrivateDevices: { value: BOOLEAN },
  RestrictAddressFamilies: { word: /^~?AF_[A-Z0-9]+$/ },
  // Names of system calls; groups (@…) came with systemd 231.
  SystemCallFilter: { word: /^~?[a-z0-9_]+$/ },
  SystemCallErrorNumber: { value: /^E[A-Z0-9]+$/ },
  SystemCallArchitectures: { word: /^(native|x86|x86-64|x32|arm)$/ },
}
