/** @jsxImportSource hono/jsx */
/** /admin/try: two chats side by side, each with its phone, while pushes go to the simulator. */
import { VERSION } from '../../version.ts'
import type { HttpDeps } from '../deps.ts'
import { type App } from '../policy.ts'
import { WEBSOCKET_PATH } from '../websocket.ts'
import { addScript, field, html } from './answers.ts'
import { Broadcast, nameIn } from './broadcast.ts'
import { Layout } from './layout.tsx'
import { addEvents } from './live.ts'
import type { Pages } from './pages.ts'
import type { WebSessions } from './session.ts'
import { BLINK, PhoneNow, phonesOf } from './simulator.tsx'
import { type Side, type Trial, Trials } from './trials.ts'
import script from './try.client.js' with { type: 'text' }
import { tr } from './words.ts'

export function addTry(app: App, deps: HttpDeps, sessions: WebSessions, { get, post }: Pages): void {
  const trials = new Trials(deps)
  const broadcast = new Broadcast({ clock: deps.clock, every: BLINK })
  addScript(app, '/admin/try.js', script)
  get('/admin/try', (c, admin) => {
    phonesOf(deps)
    const trial = trials.find(c.req.query('trial') ?? '')
    return html(c, trial ? TrialPage({ deps, admin, trial }) : StartPage({ admin }))
  })
  post('/admin/try', async (c) => {
    phonesOf(deps)
    const { id } = await trials.start()
    return c.redirect(`/admin/try?trial=${id}`, 303)
  })
  post('/admin/try/end', async (c) => {
    await trials.end(await field(c, 'trial'))
    return c.redirect('/admin/try', 303)
  })
  addEvents(app, sessions, '/admin/try/events', (c, may) => {
    phonesOf(deps)
    const trial = trials.find(c.req.query('trial') ?? '')
    if (!trial) return c.body(null, 204)
    const parts = trial.sides.map(({ token }) => ({
      name: `phone-${token}`,
      make: async () => String(await PhoneNow({ deps, topic: trial.topic, token })),
    }))
    return broadcast.answer(c, parts, may)
  })
}

const StartPage = ({ admin }: { admin: string }) => (
  <Layout title={tr('Try it')} admin={admin} here="try">
    <h1>{tr('Try it')}</h1>
    <section class="card stack">
      <p>
        {tr(
          'Two chats side by side, each with a phone. Close the app of one, write to it from the other, and see its phone ring. Open the app again, and the message is there, once; the notification is gone.',
        )}
      </p>
      <p class="dim">
        {tr('Two accounts are made for it. They go when you leave the page, and in an hour at the latest.')}
      </p>
      <form method="post" action="/admin/try">
        <button type="submit">{tr('Begin')}</button>
      </form>
    </section>
  </Layout>
)

interface TrialProps {
  readonly deps: HttpDeps
  readonly admin: string
  readonly trial: Trial
}

const TrialPage = ({ deps, admin, trial }: TrialProps) => {
  const [one, two] = trial.sides
  return (
    <Layout title={tr('Try it')} admin={admin} here="try">
      <h1>{tr('Try it')}</h1>
      <noscript>
        <p class="note bad">{tr('The two chats need a script, which this browser does not run.')}</p>
      </noscript>
      <div
        class="trial"
        data-events={`/admin/try/events?trial=${trial.id}`}
        data-trial={trial.id}
        data-socket={WEBSOCKET_PATH}
        data-words={JSON.stringify(wordsOfApp())}
      >
        <ChatSide {...{ deps, side: one, peer: two, topic: trial.topic }} />
        <ChatSide {...{ deps, side: two, peer: one, topic: trial.topic }} />
      </div>
      <form method="post" action="/admin/try/end">
        <input type="hidden" name="trial" value={trial.id} />
        <button type="submit" class="quiet">
          {tr('End the trial and remove both accounts')}
        </button>
      </form>
      <script src={`/admin/try.js?v=${VERSION}`} defer />
    </Layout>
  )
}

/** Texts that the script shows. */
const wordsOfApp = () => ({
  starting: tr('The app is starting.'),
  open: tr('The app is open.'),
  closed: tr('The app is closed.'),
  undelivered: tr('It could not be delivered.'),
  toClose: tr('Close the app'),
  toOpen: tr('Open the app'),
  read: tr('read'),
})

interface SideProps {
  readonly deps: HttpDeps
  readonly side: Side
  readonly peer: Side
  readonly topic: string
}

const ChatSide = ({ deps, side, peer, topic }: SideProps) => (
  <section
    class="card chat"
    aria-label={side.jid}
    data-jid={side.jid}
    data-password={side.password}
    data-token={side.token}
    data-topic={topic}
    data-peer={peer.jid}
  >
    <div class="app">
      <h2 class="break">{side.jid}</h2>
      <p class="dim small said" role="status">
        {tr('The app is starting.')}
      </p>
      <ol class="messages" aria-live="polite" aria-label={tr('Messages')} />
      <form class="say row">
        <input
          name="text"
          aria-label={tr('Message from {jid}', { jid: side.jid })}
          autocomplete="off"
          disabled
        />
        <button type="submit" disabled>
          {tr('Send')}
        </button>
      </form>
      <button type="button" class="quiet toggle" disabled>
        {tr('Close the app')}
      </button>
    </div>
    <div id={nameIn(`phone-${side.token}`)}>
      <PhoneNow deps={deps} topic={topic} token={side.token} />
    </div>
  </section>
)
