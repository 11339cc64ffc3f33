"""A stock client that lives as long as it is told to: commands on standard input, events as JSON on standard output.

usage: slixmpp-client.py PORT JID PASSWORD
commands: say JID TEXT | open URL | history | join ROOM NICK | public ROOM | member ROOM JID [NICK] | room ROOM TEXT |
said ROOM | quit
It comes back by itself when its connection is lost, and says whether it resumed its session or began anew.
"""
import asyncio, hashlib, json, ssl, sys, urllib.request
import slixmpp

port, jid, password = sys.argv[1:]


def tell(event, **more):
    print(json.dumps({'event': event, **more}), flush=True)


class Client(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(jid, password)
        for plugin in ('xep_0045', 'xep_0198', 'xep_0199', 'xep_0203', 'xep_0280', 'xep_0313'):
            self.register_plugin(plugin)
        # The server signs its own certificate.
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE
        # Its session may outlive its connection.
        self.end_session_on_disconnect = False
        self.leaving = False
        self.add_event_handler('session_start', self.begin)
        self.add_event_handler('session_resumed', lambda _: tell('resumed'))
        self.add_event_handler('message', self.on_message)
        self.add_event_handler('groupchat_message', self.on_groupchat)
        self.add_event_handler('groupchat_invite', lambda m: tell('invite', body=str(m['from'].bare)))
        self.add_event_handler('carbon_sent', self.on_carbon)
        self.add_event_handler('disconnected', self.again)

    def dial(self):
        self.connect(address=('127.0.0.1', int(port)))

    def again(self, _):
        if not self.leaving:
            self.loop.call_later(0.05, self.dial)

    def on_groupchat(self, message):
        if message['body']:
            tell('groupchat', body=f"{message['mucnick']}: {message['body']}")

    def on_message(self, message):
        if message['body'] and message['type'] in ('chat', 'normal'):
            tell('message', body=message['body'])

    def on_carbon(self, message):
        tell('carbon', body=message['carbon_sent']['body'])

    async def begin(self, _):
        await self.get_roster()
        await self['xep_0280'].enable()
        self.send_presence()
        await self['xep_0199'].ping(self.boundjid.host)
        tell('started')

    async def configure(self, room, members_only):
        form = await self['xep_0045'].get_room_config(room)
        form['type'] = 'submit'
        form.set_values({'muc#roomconfig_persistentroom': True, 'muc#roomconfig_membersonly': members_only})
        await self['xep_0045'].set_room_config(room, form)

    async def listen(self):
        reader = asyncio.StreamReader()
        await self.loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := (await reader.readline()).decode().strip():
            verb, _, rest = line.partition(' ')
            if verb == 'say':
                to, _, text = rest.partition(' ')
                self.send_message(mto=to, mbody=text, mtype='chat')
            elif verb == 'open':
                with urllib.request.urlopen(rest) as answer:
                    content, kind = answer.read(), answer.headers['content-type']
                tell('opened', body=f'{kind} {hashlib.sha256(content).hexdigest()}')
            elif verb == 'history':
                bodies = []
                async for found in self['xep_0313'].iterate():
                    bodies.append(found['mam_result']['forwarded']['stanza']['body'])
                tell('history', bodies=bodies)
            elif verb == 'join':
                room, _, nick = rest.partition(' ')
                await self['xep_0045'].join_muc_wait(room, nick)
                if nick == 'Romeo':
                    await self.configure(room, True)
                tell('joined', body=nick)
            elif verb == 'public':
                await self.configure(rest, False)
                tell('public', body=rest)
            elif verb == 'member':
                room, member, *nick = rest.split(' ')
                await self['xep_0045'].set_affiliation(room, 'member', jid=member, nick=''.join(nick) or None)
                tell('member', body=member)
            elif verb == 'room':
                room, _, text = rest.partition(' ')
                self.send_message(mto=room, mbody=text, mtype='groupchat')
            elif verb == 'said':
                bodies = []
                async for found in self['xep_0313'].iterate(rest):
                    bodies.append(found['mam_result']['forwarded']['stanza']['body'])
                tell('said', bodies=bodies)
            elif verb == 'quit':
                break
        self.leaving = True
        await self.disconnect()


client = Client()
client.dial()
client.loop.run_until_complete(client.listen())
