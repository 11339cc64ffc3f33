/** All checks, in the order in which they are told. */
import { BACKUP_CHECKS } from './backup.ts'
import { CERTIFICATE_CHECKS } from './certificates.ts'
import type { DoctorCheck } from './check.ts'
import { CONFIG_CHECKS } from './config.ts'
import { DATA_CHECKS } from './data.ts'
import { DATABASE_CHECKS } from './database.ts'
import { DNS_CHECKS } from './dns.ts'
import { EXPOSURE_CHECKS } from './exposure.ts'
import { HOST_CHECKS } from './host.ts'
import { NET_CHECKS } from './net.ts'
import { PUSH_CHECKS } from './push.ts'
import { SERVER_CHECKS } from './server.ts'
import { SERVICE_CHECKS } from './service.ts'

export const CHECKS: readonly DoctorCheck[] = [
  ...SERVER_CHECKS,
  ...CONFIG_CHECKS,
  ...EXPOSURE_CHECKS,
  ...CERTIFICATE_CHECKS,
  ...DNS_CHECKS,
  ...NET_CHECKS,
  ...PUSH_CHECKS,
  ...DATABASE_CHECKS,
  ...DATA_CHECKS,
  ...BACKUP_CHECKS,
  ...SERVICE_CHECKS,
  ...HOST_CHECKS,
]
