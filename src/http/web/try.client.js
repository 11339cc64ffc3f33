/** In the browser: a small chat client over the WebSocket (RFC 7395), with a phone that is registered as an app does it. */
const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing'
const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'
const MARKERS = 'urn:xmpp:chat-markers:0'

const escape = (text) => text.replace(/[&<>'"]/g, (c) => `&#${c.charCodeAt(0)};`)
const bytesOf = (text) => new TextEncoder().encode(text)
const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)))
const unbase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
const random = () => base64(crypto.getRandomValues(new Uint8Array(18)))

async function hmac(key, text) {
  const made = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', made, bytesOf(text)))
}

/** The client's last message of SCRAM-SHA-256 (RFC 5802 §3). */
async function proofOf(password, bare, challenge) {
  const { r, s, i } = Object.fromEntries(challenge.split(',').map((part) => [part[0], part.slice(2)]))
  const key = await crypto.subtle.importKey('raw', bytesOf(password), 'PBKDF2', false, ['deriveBits'])
  const how = { name: 'PBKDF2', hash: 'SHA-256', salt: unbase64(s), iterations: Number(i) }
  const salted = await crypto.subtle.deriveBits(how, key, 256)
  const clientKey = await hmac(salted, 'Client Key')
  const storedKey = await crypto.subtle.digest('SHA-256', clientKey)
  const final = `c=biws,r=${r}`
  const signature = await hmac(storedKey, `${bare},${challenge},${final}`)
  return `${final},p=${base64(clientKey.map((byte, at) => byte ^ signature[at]))}`
}

class Chat {
  constructor(element, url) {
    this.element = element
    this.url = url
    const { jid, password, token, topic, peer } = element.dataset
    Object.assign(this, { jid, password, token, topic, peer })
    ;[this.user, this.host] = jid.split('@')
    this.toggle = element.querySelector('.toggle')
    this.toggle.addEventListener('click', () => (this.socket ? this.close() : this.open()))
    element.querySelector('.say').addEventListener('submit', (event) => {
      event.preventDefault()
      this.say(event.target.elements.text)
    })
    // A tap on a notification opens the app.
    element.querySelector('[id^=phone]').addEventListener('click', ({ target }) => {
      if (target.closest('.notifications li') && !this.socket) this.open()
    })
  }

  open() {
    this.show(words.starting, 'starting')
    const socket = new WebSocket(this.url, 'xmpp')
    this.socket = socket
    socket.addEventListener('open', () => this.begin())
    socket.addEventListener('message', ({ data }) => {
      const el = new DOMParser().parseFromString(data, 'text/xml').documentElement
      this.hear(el).catch((error) => this.show(String(error), 'closed'))
    })
    socket.addEventListener('close', () => {
      if (this.socket !== socket) return
      this.socket = undefined
      this.show(words.closed, 'closed')
    })
  }

  close() {
    this.send(`<presence type='unavailable'/>`)
    this.send(`<close xmlns='${FRAMING}'/>`)
  }

  /** A frame is a document of its own, so a stanza names its namespace (RFC 7395 §3.3.3). */
  send(text) {
    this.socket?.send(text.replace(/^<(iq|message|presence)\b/, `<$1 xmlns='jabber:client'`))
  }

  begin() {
    this.send(`<open xmlns='${FRAMING}' to='${this.host}' version='1.0'/>`)
  }

  async hear(el) {
    const { localName } = el
    if (localName === 'features') return el.querySelector('mechanism') ? this.login() : this.bind()
    if (localName === 'challenge') {
      const proof = await proofOf(this.password, this.bare, atob(el.textContent))
      return this.send(`<response xmlns='${SASL}'>${btoa(proof)}</response>`)
    }
    if (localName === 'success') return this.begin()
    if (localName === 'failure') return this.socket.close()
    if (localName === 'iq' && el.getAttribute('id') === 'bind') return this.start()
    if (localName === 'presence' && el.getAttribute('type') === 'subscribe')
      return this.send(`<presence to='${this.peer}' type='subscribed'/>`)
    if (localName === 'message') this.receive(el)
  }

  login() {
    this.bare = `n=${this.user},r=${random()}`
    this.send(`<auth xmlns='${SASL}' mechanism='SCRAM-SHA-256'>${btoa(`n,,${this.bare}`)}</auth>`)
  }

  bind() {
    const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>phone</resource></bind>`
    this.send(`<iq type='set' id='bind'>${bind}</iq>`)
  }

  /** The app registers its phone at each start, then says that it is there. */
  start() {
    const field = (name, value) => `<field var='${name}'><value>${escape(value)}</value></field>`
    const type = field('FORM_TYPE', 'http://jabber.org/protocol/pubsub#publish-options')
    const fields = `${type}${field('token', this.token)}${field('topic', this.topic)}`
    const form = `<x xmlns='jabber:x:data' type='submit'>${fields}</x>`
    const enable = `<enable xmlns='urn:xmpp:push:0' jid='${this.host}' node='try'>${form}</enable>`
    this.send(`<iq type='set' id='push'>${enable}</iq>`)
    this.send(`<presence/>`)
    this.send(`<presence to='${this.peer}' type='subscribe'/>`)
    this.show(words.open, 'open')
  }

  say(input) {
    const text = input.value.trim()
    if (text === '') return
    const id = random()
    this.send(
      `<message to='${this.peer}' type='chat' id='${id}'><body>${escape(text)}</body><markable xmlns='${MARKERS}'/></message>`,
    )
    this.add('own', text, id)
    input.value = ''
  }

  receive(el) {
    if (el.getAttribute('type') === 'error') return this.add('own', words.undelivered, '')
    const read = el.getElementsByTagNameNS(MARKERS, 'displayed')[0]
    if (read) return this.isRead(read.getAttribute('id'))
    const body = el.querySelector('body')
    if (!body) return
    this.add('others', body.textContent, '')
    this.send(
      `<message to='${this.peer}' type='chat'><displayed xmlns='${MARKERS}' id='${escape(el.getAttribute('id') ?? '')}'/></message>`,
    )
  }

  add(whose, text, id) {
    const item = document.createElement('li')
    item.className = whose
    item.dataset.id = id
    item.dataset.read = words.read
    item.textContent = text
    this.element.querySelector('.messages').append(item)
    item.scrollIntoView({ block: 'nearest' })
  }

  /** The other side has read up to that one. */
  isRead(id) {
    const own = [...this.element.querySelectorAll('.messages .own')]
    const last = own.findIndex((item) => item.dataset.id === id)
    for (const item of own.slice(0, last + 1)) item.classList.add('read')
  }

  show(text, state) {
    this.element.dataset.app = state
    this.element.querySelector('.said').textContent = text
    for (const control of this.element.querySelectorAll('.say input, .say button'))
      control.disabled = state !== 'open'
    this.toggle.disabled = state === 'starting'
    this.toggle.textContent = state === 'open' ? words.toClose : words.toOpen
  }
}

const trial = document.querySelector('[data-trial]')
const words = JSON.parse(trial.dataset.words)
const url = new URL(trial.dataset.socket, location.href.replace(/^http/, 'ws'))
for (const element of trial.querySelectorAll('.chat')) new Chat(element, url).open()
addEventListener('pagehide', () =>
  navigator.sendBeacon('/admin/try/end', new URLSearchParams({ trial: trial.dataset.trial })),
)
