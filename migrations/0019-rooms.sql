-- Rooms (XEP-0045). A room is its rows: who is in it at the moment is memory alone.
CREATE TABLE rooms (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- never given again: what was said in a room is deleted behind it
  jid TEXT NOT NULL UNIQUE,          -- bare JID
  domain TEXT NOT NULL,
  public INTEGER NOT NULL,           -- 1: in the list of its service
  settings TEXT NOT NULL,            -- RoomSettings of store/rooms.ts, JSON
  subject TEXT,                      -- RoomSubject, JSON
  avatar TEXT,                       -- its vCard (XEP-0486), XML
  locked INTEGER NOT NULL,           -- 1: made and not yet configured (XEP-0045 §10.1)
  created_at INTEGER NOT NULL,
  gone TEXT                          -- RoomGone, JSON: destroyed, and remembered so that nobody makes it anew
) STRICT;
CREATE INDEX rooms_public ON rooms (domain, jid) WHERE public = 1 AND gone IS NULL;
CREATE INDEX rooms_gone ON rooms (id) WHERE gone IS NOT NULL;
-- What a start looks for among all rooms: those that were to end with their last occupant.
CREATE INDEX rooms_passing ON rooms (id)
  WHERE gone IS NULL AND (locked = 1 OR json_extract(settings, '$.persistent') = 0);

-- Who stands how to a room while being in it or not (XEP-0045 §5.2). Addresses are bare JIDs, of outcasts domains too.
CREATE TABLE room_affiliations (
  room_id INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  user TEXT NOT NULL,
  affiliation TEXT NOT NULL,         -- owner | admin | member | outcast
  nick TEXT,                         -- registered (§7.10)
  nick_key TEXT,                     -- the same as it is compared (RFC 8266 §2.4)
  nick_look TEXT,                    -- what it looks like (UTS #39)
  joined INTEGER NOT NULL DEFAULT 0, -- 1: became a member by registering
  silent INTEGER NOT NULL DEFAULT 0, -- 1: has told the room not to ring a closed app (Tigase's registration field)
  nodes TEXT,                        -- what of it is sent to who has not joined (MucSub): nodes, a blank between two
  read_id INTEGER NOT NULL DEFAULT 0, -- of room_archive: what came up to it has been read, or was before the membership
  reason TEXT,
  PRIMARY KEY (room_id, user)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX room_nicks ON room_affiliations (room_id, nick_key) WHERE nick_key IS NOT NULL;
CREATE INDEX room_nick_looks ON room_affiliations (room_id, nick_look) WHERE nick_look IS NOT NULL;
CREATE INDEX room_affiliations_by_kind ON room_affiliations (room_id, affiliation, user);
CREATE INDEX room_affiliations_by_user ON room_affiliations (user);
CREATE INDEX room_subscribers ON room_affiliations (room_id) WHERE nodes IS NOT NULL;

-- What was said. Ids are of the one series of all archives: microseconds since the epoch, rising.
CREATE TABLE room_archive (
  id INTEGER PRIMARY KEY,
  room_id INTEGER NOT NULL,
  user TEXT NOT NULL,                -- bare JID of who said it; empty: the room itself
  nick TEXT NOT NULL,
  counts INTEGER NOT NULL,           -- 1: says something, so that members have it read or not
  xml TEXT NOT NULL
) STRICT;
CREATE INDEX room_archive_by_room ON room_archive (room_id, id);

-- Messages whose members are still being told (rooms/audience.ts): those up to `after` have been. Afterwards the row
-- stays while clients that were given the message have not shown that they have it.
CREATE TABLE room_fanouts (
  id INTEGER PRIMARY KEY,            -- of room_archive
  room_id INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  after TEXT NOT NULL,
  trusted TEXT NOT NULL DEFAULT '[]' -- who was told, and not rung since such a client is there: JSON of store/room-fanouts.ts
) STRICT;
CREATE INDEX room_fanouts_by_room ON room_fanouts (room_id, id);

-- Verdicts about messages of rooms: which room it was, and which rule of the account held there. Verdicts know such a
-- message by an id of the account alone.
CREATE TABLE room_verdicts (
  message_id INTEGER PRIMARY KEY,
  room TEXT NOT NULL,
  said_id INTEGER NOT NULL,          -- of room_archive
  rule TEXT NOT NULL,                -- always | on-mention | never (XEP-0492)
  chosen INTEGER NOT NULL,           -- 1: by the account; 0: what is so in rooms of that kind
  mentioned INTEGER NOT NULL
) STRICT;
CREATE INDEX room_verdicts_by_said ON room_verdicts (said_id);

-- The last changes of who stands how to a room (XEP-0463), numbered by room.
CREATE TABLE room_affiliation_changes (
  room_id INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
  version INTEGER NOT NULL,
  user TEXT NOT NULL,
  before TEXT NOT NULL,              -- affiliation before the change, none too
  PRIMARY KEY (room_id, version)
) STRICT, WITHOUT ROWID;
