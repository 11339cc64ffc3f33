/** The bare relay beside ours: what the runtime itself takes. */
import { join } from 'node:path'
import { freePort, listening } from '../server.ts'
import { certificate, cpuOf, endAll, homeOf, type PeerKind } from './peer.ts'

export const bare: PeerKind = {
  name: 'bare',
  conference: '',
  async start() {
    const dir = homeOf('bare')
    const pem = certificate(dir)
    const c2s = await freePort()
    const program = join(import.meta.dir, 'bare-relay.ts')
    Bun.spawn([process.execPath, program, String(c2s), pem], {
      stdin: 'ignore',
      stdout: Bun.file(join(dir, 'out.log')),
      stderr: Bun.file(join(dir, 'err.log')),
    })
    await listening(c2s, dir)
    return { c2s, cpuMs: () => cpuOf(dir), stop: () => endAll(dir) }
  },
}
