"""A stock client told what to do, one line of JSON per event on standard output.

usage: slixmpp-client.py PORT JID PASSWORD STEP...
steps: say:JID:TEXT  hear:N  (wait for N messages)  answer  (answer the next message)  settle  (a ping behind it all)
"""
import asyncio, json, ssl, sys, time
import slixmpp

port, jid, password, *steps = sys.argv[1:]


class Client(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(jid, password)
        for plugin in ('xep_0199', 'xep_0203'):
            self.register_plugin(plugin)
        # The server signs its own certificate.
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE
        self.heard = asyncio.Queue()
        self.add_event_handler('session_start', self.begin)
        self.add_event_handler('message', self.on_message)
        self.add_event_handler('failed_auth', lambda _: self.give_up('login failed'))

    def give_up(self, why):
        print(json.dumps({'event': 'failed', 'why': why}), flush=True)
        self.abort()

    def on_message(self, message):
        delay = message['delay']['stamp'].isoformat() if message.get_plugin('delay', check=True) else None
        event = {'event': 'message', 'from': message['from'].full, 'body': message['body'], 'delay': delay}
        print(json.dumps(event), flush=True)
        self.heard.put_nowait(message)

    async def begin(self, _):
        self.send_presence()
        await self.get_roster()
        for step in steps:
            verb, _, rest = step.partition(':')
            if verb == 'say':
                to, _, text = rest.partition(':')
                print(json.dumps({'event': 'said', 'at': time.time() * 1000}), flush=True)
                self.send_message(mto=to, mbody=text, mtype='chat')
            elif verb == 'hear':
                for _ in range(int(rest)):
                    await self.heard.get()
            elif verb == 'answer':
                message = await self.heard.get()
                message.reply('yes: ' + message['body']).send()
            elif verb == 'settle':
                await self['xep_0199'].ping(self.boundjid.host)
        self.disconnect()


client = Client()
client.connect(address=('127.0.0.1', int(port)))
client.loop.run_until_complete(asyncio.wait_for(client.disconnected, 30))
