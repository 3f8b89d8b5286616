-- Schema 1. Times are UTC as 2026-01-31T23:59:59Z, NULL when not known, so that
-- their order as text is their order in time. Flags are 0 or 1.

CREATE TABLE runs (
    id          TEXT PRIMARY KEY,
    started_at  TEXT NOT NULL
) WITHOUT ROWID;

-- What was shipped: one row per delivered mail, by the key that makes shipping it twice once.
CREATE TABLE batches (
    id          INTEGER PRIMARY KEY,
    key         TEXT NOT NULL UNIQUE,
    run_id      TEXT NOT NULL REFERENCES runs (id),
    sink        TEXT NOT NULL,
    source      TEXT NOT NULL,
    account     TEXT NOT NULL,
    folder      TEXT NOT NULL,
    origin_id   TEXT NOT NULL,
    origin_name TEXT NOT NULL,
    received_at TEXT,
    shipped_at  TEXT NOT NULL
);

-- Every event, file, indicator and object is a node; what can be said of each
-- kind (attributes, tags, relationships) is said of the node.
CREATE TABLE nodes (
    id    INTEGER PRIMARY KEY,
    kind  TEXT NOT NULL CHECK (kind IN ('event', 'file', 'indicator', 'object')),
    key   TEXT NOT NULL,
    UNIQUE (kind, key)
);

-- rank orders the mails that report the same node: the description of the
-- first by received time counts, whichever arrived first.
CREATE TABLE events (
    id          INTEGER PRIMARY KEY REFERENCES nodes (id),
    type        TEXT NOT NULL,
    title       TEXT NOT NULL,
    happened_at TEXT,
    description TEXT NOT NULL,
    source      TEXT NOT NULL,
    tlp         TEXT NOT NULL,
    score       INTEGER NOT NULL,
    rank        TEXT NOT NULL
);

CREATE TABLE messages (
    id          INTEGER PRIMARY KEY,
    batch_id    INTEGER NOT NULL REFERENCES batches (id),
    event_id    INTEGER NOT NULL REFERENCES events (id),
    item        TEXT NOT NULL,
    message_key TEXT NOT NULL,
    message_id  TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    size        INTEGER NOT NULL,
    sender      TEXT NOT NULL,
    recipients  TEXT NOT NULL,
    copies      TEXT NOT NULL,
    subject     TEXT NOT NULL,
    date        TEXT,
    received_at TEXT,
    treatment   TEXT NOT NULL,
    carrier     TEXT NOT NULL,
    UNIQUE (batch_id, event_id, item)
);
CREATE INDEX messages_event ON messages (event_id);
CREATE INDEX messages_sender ON messages (sender);

CREATE TABLE files (
    id             INTEGER PRIMARY KEY REFERENCES nodes (id),
    sha256         TEXT NOT NULL UNIQUE,
    md5            TEXT NOT NULL,
    sha1           TEXT NOT NULL,
    size           INTEGER NOT NULL,
    name           TEXT NOT NULL,
    type           TEXT NOT NULL,
    content_type   TEXT NOT NULL,
    file_type      TEXT NOT NULL,
    malware_locked INTEGER NOT NULL,
    encrypted      INTEGER NOT NULL,
    stored         INTEGER NOT NULL,
    source         TEXT NOT NULL,
    tlp            TEXT NOT NULL,
    first_seen     TEXT,
    last_seen      TEXT,
    rank           TEXT NOT NULL
);
CREATE INDEX files_md5 ON files (md5);

-- Every name a file was sent under, as displayed and as it was written.
CREATE TABLE file_names (
    file_id  INTEGER NOT NULL REFERENCES files (id),
    name     TEXT NOT NULL,
    raw_name TEXT NOT NULL,
    PRIMARY KEY (file_id, name, raw_name)
) WITHOUT ROWID;

CREATE TABLE indicators (
    id         INTEGER PRIMARY KEY REFERENCES nodes (id),
    type       TEXT NOT NULL,
    value      TEXT NOT NULL,
    original   TEXT NOT NULL,
    status     TEXT NOT NULL,
    source     TEXT NOT NULL,
    tlp        TEXT NOT NULL,
    first_seen TEXT,
    last_seen  TEXT,
    rank       TEXT NOT NULL,
    UNIQUE (type, value)
);
CREATE INDEX indicators_value ON indicators (value);

-- In what kinds of places an indicator stood, and what is remarkable about it.
CREATE TABLE indicator_marks (
    indicator_id INTEGER NOT NULL REFERENCES indicators (id),
    kind         TEXT NOT NULL CHECK (kind IN ('context', 'flag')),
    mark         TEXT NOT NULL,
    PRIMARY KEY (indicator_id, kind, mark)
) WITHOUT ROWID;

CREATE TABLE objects (
    id   INTEGER PRIMARY KEY REFERENCES nodes (id),
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (type, name)
);

CREATE TABLE attributes (
    node_id INTEGER NOT NULL REFERENCES nodes (id),
    name    TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (node_id, name, value)
) WITHOUT ROWID;
CREATE INDEX attributes_name ON attributes (name, value);

CREATE TABLE tags (
    node_id INTEGER NOT NULL REFERENCES nodes (id),
    tag     TEXT NOT NULL,
    PRIMARY KEY (node_id, tag)
) WITHOUT ROWID;
CREATE INDEX tags_tag ON tags (tag);

-- from is the more general node: event before file before indicator.
CREATE TABLE relationships (
    from_id INTEGER NOT NULL REFERENCES nodes (id),
    to_id   INTEGER NOT NULL REFERENCES nodes (id),
    PRIMARY KEY (from_id, to_id)
) WITHOUT ROWID;
CREATE INDEX relationships_to ON relationships (to_id);

CREATE TABLE rule_matches (
    batch_id INTEGER NOT NULL REFERENCES batches (id),
    item     TEXT NOT NULL,
    rule     TEXT NOT NULL,
    phase    TEXT NOT NULL,
    result   TEXT NOT NULL,
    shadow   INTEGER NOT NULL,
    error    TEXT NOT NULL
);
CREATE INDEX rule_matches_batch ON rule_matches (batch_id);
CREATE INDEX rule_matches_rule ON rule_matches (rule);

CREATE TABLE defects (
    batch_id INTEGER NOT NULL REFERENCES batches (id),
    code     TEXT NOT NULL,
    part     TEXT NOT NULL,
    detail   TEXT NOT NULL,
    cap      INTEGER NOT NULL
);
CREATE INDEX defects_batch ON defects (batch_id);

CREATE VIEW v_indicators AS
SELECT i.type, i.value, i.status, i.tlp, i.source, i.first_seen, i.last_seen,
       (SELECT count(*) FROM relationships r JOIN events e ON e.id = r.from_id WHERE r.to_id = i.id) AS events,
       (SELECT count(*) FROM relationships r JOIN files f ON f.id = r.from_id WHERE r.to_id = i.id) AS files,
       (SELECT group_concat(mark, ' ') FROM (SELECT mark FROM indicator_marks m WHERE m.indicator_id = i.id AND m.kind = 'context' ORDER BY mark)) AS contexts,
       (SELECT group_concat(mark, ' ') FROM (SELECT mark FROM indicator_marks m WHERE m.indicator_id = i.id AND m.kind = 'flag' ORDER BY mark)) AS flags,
       (SELECT group_concat(tag, ' ') FROM (SELECT tag FROM tags t WHERE t.node_id = i.id ORDER BY tag)) AS tags,
       i.original, i.id
FROM indicators i;

CREATE VIEW v_event_summary AS
SELECT n.key AS event, e.type, e.title, e.happened_at, e.tlp, e.score, e.source,
       (SELECT group_concat(tag, ' ') FROM (SELECT tag FROM tags t WHERE t.node_id = e.id ORDER BY tag)) AS tags,
       (SELECT min(m.sender) FROM messages m WHERE m.event_id = e.id AND m.sender <> '') AS sender,
       (SELECT count(*) FROM messages m WHERE m.event_id = e.id) AS mails,
       (SELECT count(*) FROM relationships r JOIN indicators i ON i.id = r.to_id WHERE r.from_id = e.id) AS indicators,
       (SELECT count(*) FROM relationships r JOIN files f ON f.id = r.to_id WHERE r.from_id = e.id) AS files,
       e.id
FROM events e JOIN nodes n ON n.id = e.id;

CREATE VIEW v_event_indicators AS
SELECT n.key AS event, e.type AS event_type, e.title, e.happened_at, i.type, i.value, i.status, i.tlp
FROM relationships r JOIN events e ON e.id = r.from_id JOIN nodes n ON n.id = e.id JOIN indicators i ON i.id = r.to_id;

CREATE VIEW v_files AS
SELECT f.sha256, f.name, f.type, f.file_type, f.content_type, f.size, f.md5, f.malware_locked, f.encrypted, f.stored, f.tlp, f.first_seen, f.last_seen,
       (SELECT count(*) FROM relationships r JOIN events e ON e.id = r.from_id WHERE r.to_id = f.id) AS events,
       (SELECT count(*) FROM relationships r JOIN indicators i ON i.id = r.to_id WHERE r.from_id = f.id) AS indicators,
       (SELECT count(*) FROM file_names x WHERE x.file_id = f.id) AS names,
       f.id
FROM files f;

CREATE VIEW v_spearphish AS
SELECT n.key AS event, e.title, e.happened_at, e.score, e.tlp,
       (SELECT min(m.sender) FROM messages m WHERE m.event_id = e.id AND m.sender <> '') AS sender,
       (SELECT group_concat(value, '; ') FROM (SELECT value FROM attributes a WHERE a.node_id = e.id AND a.name = 'Reporter' ORDER BY value)) AS reporters,
       (SELECT min(value) FROM attributes a WHERE a.node_id = e.id AND a.name = 'Reported At') AS first_reported,
       (SELECT count(*) FROM messages m WHERE m.event_id = e.id) AS reports,
       (SELECT count(*) FROM relationships r JOIN indicators i ON i.id = r.to_id WHERE r.from_id = e.id AND i.type = 'URL') AS urls,
       (SELECT count(*) FROM relationships r JOIN files f ON f.id = r.to_id WHERE r.from_id = e.id) AS files,
       e.id
FROM events e JOIN nodes n ON n.id = e.id WHERE e.type = 'Spearphish';

CREATE VIEW v_top_rules AS
SELECT rule,
       sum(result = 'match' AND shadow = 0) AS matches,
       sum(result = 'match' AND shadow = 1) AS shadow_matches,
       sum(result = 'error') AS errors,
       count(DISTINCT batch_id) AS mails
FROM rule_matches GROUP BY rule;

CREATE VIEW v_top_senders AS
SELECT sender, count(DISTINCT event_id) AS events, count(*) AS mails, min(received_at) AS first_seen, max(received_at) AS last_seen
FROM messages WHERE sender <> '' GROUP BY sender;

CREATE VIEW v_defects AS
SELECT code, cap, count(*) AS defects, count(DISTINCT batch_id) AS mails FROM defects GROUP BY code, cap;

CREATE VIEW v_days AS
SELECT substr(happened_at, 1, 10) AS day, type, count(*) AS events, sum(score) AS score FROM events GROUP BY 1, 2;

CREATE VIEW v_relationships AS
SELECT a.kind AS from_kind, a.key AS from_key, b.kind AS to_kind, b.key AS to_key
FROM relationships r JOIN nodes a ON a.id = r.from_id JOIN nodes b ON b.id = r.to_id;
