-- Times are UTC with nine digits of a second, so that their order as text is
-- their order. Texts that came with a mail are kept byte by byte.

CREATE TABLE meta (
  name  TEXT PRIMARY KEY, -- 'key check': a known text sealed with the key
  value BLOB NOT NULL
) WITHOUT ROWID;

-- Every mail that was ever begun. It is what keeps a mail from being handled
-- twice, so rows stay.
CREATE TABLE ledger (
  mail        INTEGER PRIMARY KEY,
  id          BLOB NOT NULL UNIQUE, -- SHA-256 of source/account/folder/ref
  source      TEXT NOT NULL,
  account     TEXT NOT NULL,
  folder      TEXT NOT NULL,
  ref         TEXT NOT NULL, -- Origin.ID
  name        TEXT NOT NULL, -- for people
  received    TEXT NOT NULL,
  digest      TEXT NOT NULL, -- SHA-256 of the raw mail where the source knew it
  attempts    INTEGER NOT NULL, -- begun without an end
  run         TEXT NOT NULL,    -- that began it last
  begun_at    TEXT NOT NULL,
  committed_at TEXT, -- NULL until there is an outcome
  disposition TEXT NOT NULL DEFAULT '',
  reason      TEXT NOT NULL DEFAULT '',
  route       TEXT NOT NULL DEFAULT '{}' -- JSON: what the source was told
);

-- Contents, each once. A row without a use is removed.
CREATE TABLE blobs (
  blob   INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again, for those who still hold one
  sha256 TEXT NOT NULL UNIQUE,
  size   INTEGER NOT NULL,
  filed  INTEGER NOT NULL, -- 1: in the folder under its digest, and data is NULL
  data   BLOB
);

-- What sinks have not taken yet, and what they refused.
CREATE TABLE outbox (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  sink       TEXT NOT NULL,
  key        TEXT NOT NULL,
  mail       INTEGER NOT NULL REFERENCES ledger,
  queued_at  TEXT NOT NULL,
  refused    TEXT, -- why it was set aside; NULL while it is pending
  refused_at TEXT
);
CREATE UNIQUE INDEX outbox_pending ON outbox (sink, key) WHERE refused IS NULL;
CREATE INDEX outbox_order ON outbox (sink, seq) WHERE refused IS NULL;

-- The contents of a batch: its own JSON, raw mails of events, contents of files.
CREATE TABLE uses (
  seq      INTEGER NOT NULL REFERENCES outbox ON DELETE CASCADE,
  kind     TEXT NOT NULL, -- batch, event, file
  position INTEGER NOT NULL, -- in the batch
  blob     INTEGER NOT NULL REFERENCES blobs,
  PRIMARY KEY (seq, kind, position)
) WITHOUT ROWID;
CREATE INDEX uses_blob ON uses (blob);

CREATE TABLE parked (
  mail     INTEGER PRIMARY KEY REFERENCES ledger,
  received TEXT NOT NULL,
  deadline TEXT NOT NULL,
  ready    INTEGER NOT NULL, -- 1: there is an offer that it has not tried
  raw      INTEGER NOT NULL REFERENCES blobs
);
CREATE INDEX parked_deadline ON parked (deadline);
CREATE INDEX parked_raw ON parked (raw);

CREATE TABLE waits (
  mail  INTEGER NOT NULL REFERENCES parked ON DELETE CASCADE,
  scope TEXT NOT NULL,
  key   TEXT NOT NULL,
  span  INTEGER NOT NULL -- window, nanoseconds
);
CREATE INDEX waits_key ON waits (scope, key);
CREATE INDEX waits_mail ON waits (mail);

-- Offers that a parked mail has tried in vain.
CREATE TABLE tried (
  mail  INTEGER NOT NULL REFERENCES parked ON DELETE CASCADE,
  offer TEXT NOT NULL, -- offers.id
  PRIMARY KEY (mail, offer)
) WITHOUT ROWID;

CREATE TABLE offers (
  scope    TEXT NOT NULL,
  key      TEXT NOT NULL,
  id       TEXT NOT NULL, -- Origin.Key of the mail that offers
  name     TEXT NOT NULL, -- of that mail, for people
  received TEXT NOT NULL,
  span     INTEGER NOT NULL, -- window, nanoseconds
  expires  TEXT NOT NULL,
  secrets  TEXT NOT NULL, -- JSON: where each stood, and its value sealed
  PRIMARY KEY (scope, key, id)
) WITHOUT ROWID;
CREATE INDEX offers_expires ON offers (expires);

CREATE TABLE quarantine (
  mail   INTEGER PRIMARY KEY REFERENCES ledger,
  at     TEXT NOT NULL,
  reason TEXT NOT NULL,
  stack  TEXT NOT NULL,
  raw    INTEGER REFERENCES blobs
);
CREATE INDEX quarantine_raw ON quarantine (raw);

-- Where a source continues; only the source understands it.
CREATE TABLE cursors (
  source TEXT PRIMARY KEY,
  value  BLOB NOT NULL
) WITHOUT ROWID;
