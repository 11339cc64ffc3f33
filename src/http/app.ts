/** The HTTP application: guards, then routes. It knows no sockets; see serve.ts for those. */
import { OpenAPIHono } from '@hono/zod-openapi'
import { addBackups } from './backups.ts'
import { addBans } from './bans.ts'
import { addBosh } from './bosh.ts'
import { addCertificates } from './certificates.ts'
import type { AppEnv } from './context.ts'
import type { HttpDeps } from './deps.ts'
import { addHostMeta } from './host-meta.ts'
import { bodies, headers, hostCheck, identify, measure, sameSite } from './guards.ts'
import { idempotency } from './idempotency.ts'
import { addInvites } from './invites.ts'
import { addLogs } from './logs.ts'
import { addMe } from './me.ts'
import { addMyDevices } from './my-devices.ts'
import { addMessages } from './messages.ts'
import { type App, authorize, routeOf } from './policy.ts'
import { HttpError, notFound, problemResponse } from './problem.ts'
import { requestRate } from './request-rate.ts'
import { addPreferences } from './preferences.ts'
import { addPush } from './push.ts'
import { addPushChannels } from './push-channels.ts'
import { addPushSend } from './push-send.ts'
import { addReload } from './reload.ts'
import { addRegistration } from './registration.ts'
import { addMyRooms } from './rooms/mine.ts'
import { addRoomMembers } from './rooms/members.ts'
import { addRoomMessages } from './rooms/messages.ts'
import { addRooms } from './rooms/rooms.ts'
import { addSystem } from './system.ts'
import { addTokens } from './tokens.ts'
import { addFiles } from './uploads/files.ts'
import { addAudit } from './audit.ts'
import { addUploads } from './uploads/manage.ts'
import { addDoctor } from './doctor.ts'
import { entityTags } from './etag.ts'
import { addExport } from './export.ts'
import { addUsers } from './users.ts'
import { addDocs } from './web/docs.tsx'
import { addInvitePage } from './web/invite.ts'
import { speaks } from './web/language.ts'
import { addWebSocket } from './websocket.ts'
import { addResetPage } from './web/reset.tsx'
import { addWeb, errorPage, isPage } from './web/web.ts'

export function createApp(deps: HttpDeps): App {
  const app: App = new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (result.success) return
      const errors = result.error.issues.map((issue) => ({
        field: issue.path.map(String).join('.'),
        message: issue.message,
      }))
      const detail = errors.map(({ field, message }) => (field ? `${field}: ${message}` : message)).join('; ')
      throw new HttpError(422, 'invalid', detail.slice(0, 1000), { errors })
    },
  })
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' })
  app.openAPIRegistry.registerComponent('securitySchemes', 'basic', { type: 'http', scheme: 'basic' })
  app.onError((error, c) => (isPage(c.req.path) ? errorPage(c, error) : problemResponse(c, error)))
  app.notFound((c) => problemResponse(c, notFound()))

  addGuards(app, deps)

  addSystem(app)
  addDoctor(app)
  addUsers(app)
  addExport(app)
  addMe(app, deps)
  addMyDevices(app)
  addMyRooms(app)
  addPreferences(app)
  addMessages(app)
  addRooms(app)
  addRoomMembers(app)
  addRoomMessages(app)
  addPush(app)
  addPushChannels(app)
  addPushSend(app)
  addRegistration(app, deps)
  addTokens(app)
  addBans(app)
  addInvites(app)
  addWebSocket(app)
  addBosh(app)
  addHostMeta(app)
  addFiles(app)
  addUploads(app)
  addAudit(app)
  addBackups(app)
  addCertificates(app)
  addLogs(app)
  addReload(app)
  addWeb(app, deps)
  addDocs(app, deps)
  addInvitePage(app)
  addResetPage(app)
  return app
}

/** Guards, in the order in which each request passes them. */
function addGuards(app: App, deps: HttpDeps): void {
  app.use(identify(deps))
  app.use(headers)
  app.use(speaks)
  app.use(measure(routeOf))
  app.use(requestRate(deps.world.config.limits.http_requests_per_ip, () => deps.world.now()))
  app.use(hostCheck)
  app.use(sameSite)
  app.use(authorize)
  app.use(bodies(deps))
  app.use(entityTags)
  app.use(idempotency())
}
