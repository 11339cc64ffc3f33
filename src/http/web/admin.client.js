/** In the browser: times in the reader's zone, and parts of the page that the server renews. All works without it. */
const FORMAT = new Intl.DateTimeFormat(document.documentElement.lang, {
  dateStyle: 'medium',
  timeStyle: 'short',
})
const CLOCK = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: 'short' })
const SECONDS = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: 'medium' })
const FORMS = { clock: CLOCK, seconds: SECONDS }

function localTimes(root) {
  for (const time of root.querySelectorAll('time[datetime]')) {
    const at = new Date(time.dateTime)
    time.title = at.toISOString()
    time.textContent = (FORMS[time.dataset.form] ?? FORMAT).format(at)
  }
}

/** The element that says where its parts come from. */
function follow(page) {
  const events = new EventSource(page.dataset.events)
  const state = (text) => page.setAttribute('data-state', text)
  events.addEventListener('open', () => state('live'))
  events.addEventListener('error', () => {
    // Signed out, or the server is gone for good: the page itself will say which.
    if (events.readyState === EventSource.CLOSED) state('over')
  })
  events.addEventListener('part', ({ data }) => {
    const end = data.indexOf('\n')
    const part = document.getElementById(data.slice(0, end))
    if (!part) return
    part.innerHTML = data.slice(end + 1)
    localTimes(part)
  })
}

localTimes(document)
for (const page of document.querySelectorAll('[data-events]')) follow(page)
