-- What became of mails, for life after shipping.

-- Batches that sinks have taken. Their contents are gone; batch is their JSON.
CREATE TABLE shipped (
  seq          INTEGER PRIMARY KEY AUTOINCREMENT,
  sink         TEXT NOT NULL,
  key          TEXT NOT NULL,
  mail         INTEGER NOT NULL REFERENCES ledger,
  at           TEXT NOT NULL,
  batch        INTEGER NOT NULL REFERENCES blobs,
  retracted_at TEXT -- NULL while it stands
);
CREATE INDEX shipped_mail ON shipped (mail, sink);
CREATE INDEX shipped_at ON shipped (at);
CREATE INDEX shipped_batch ON shipped (batch);

-- Rules that matched a mail when it was handled.
CREATE TABLE matched (
  rule TEXT NOT NULL,
  mail INTEGER NOT NULL REFERENCES ledger,
  PRIMARY KEY (rule, mail)
) WITHOUT ROWID;

-- Raw mails that are kept, to be handled again by other rules.
CREATE TABLE mails (
  mail    INTEGER PRIMARY KEY REFERENCES ledger,
  raw     INTEGER NOT NULL REFERENCES blobs,
  kept_at TEXT NOT NULL
);
CREATE INDEX mails_raw ON mails (raw);
CREATE INDEX mails_kept ON mails (kept_at);

-- When mails of a sender were received.
CREATE TABLE arrivals (
  sender   TEXT NOT NULL,
  received TEXT NOT NULL,
  mail     INTEGER NOT NULL REFERENCES ledger,
  PRIMARY KEY (sender, received, mail)
) WITHOUT ROWID;

-- What sinks note about what they have made of what we call otherwise.
CREATE TABLE notes (
  sink  TEXT NOT NULL,
  kind  TEXT NOT NULL,
  key   TEXT NOT NULL,
  value TEXT NOT NULL,
  at    TEXT NOT NULL,
  PRIMARY KEY (sink, kind, key)
) WITHOUT ROWID;

CREATE TABLE runs (
  run        TEXT PRIMARY KEY,
  process    INTEGER NOT NULL,
  started_at TEXT NOT NULL,
  ended_at   TEXT, -- NULL while it goes on, or when its process was killed
  summary    TEXT NOT NULL DEFAULT '{}', -- JSON
  error      TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX runs_started ON runs (started_at);
