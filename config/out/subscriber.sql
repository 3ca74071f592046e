-- The other end of config/out/publication.sql: run it once in the database that is to receive
-- presences, then
--
--   CREATE SUBSCRIPTION presensi_in
--       CONNECTION 'host=db.example.go.id dbname=presensi user=siap sslmode=verify-full'
--       PUBLICATION presensi_out;
--
-- PostgreSQL copies what is there and then follows, across outages of either end. `cloudevents` has
-- each presence by the attributes of CloudEvents 1.0, in the order in which central took them in.

CREATE TABLE presence (
    id bigint PRIMARY KEY,
    kiosk text NOT NULL,
    epoch text NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    source text NOT NULL,
    terminal text NOT NULL,
    credential text NOT NULL,
    "user" text NOT NULL,
    "time" text NOT NULL,
    zone text NOT NULL,
    utc bigint,
    person text,
    mark text NOT NULL,
    method text NOT NULL,
    state text NOT NULL,
    again boolean NOT NULL,
    synced boolean NOT NULL,
    received_at bigint NOT NULL
);

-- What people decided later: whose a presence was, and when it really was.
CREATE TABLE identified (
    kiosk text NOT NULL,
    epoch text NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    person text NOT NULL,
    actor text NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (kiosk, epoch, seq, hash)
);

CREATE TABLE settled (
    kiosk text NOT NULL,
    epoch text NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    utc bigint NOT NULL,
    actor text NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (kiosk, epoch, seq, hash)
);

-- `again` tells a punch that another entry reported before: it does not count, and is not here.
CREATE VIEW cloudevents AS
SELECT p.id AS sequence,
       p.epoch || '.' || p.seq || '.' || encode(substr(p.hash, 1, 8), 'hex') AS id,
       'presensi/v1/' || p.kiosk AS source,
       '1.0' AS specversion,
       'id.go.presensi.presence.recorded.v1' AS type,
       nullif(coalesce(i.person, p.person, ''), '') AS subject,
       to_char(to_timestamp(coalesce(s.utc, p.utc, p.received_at) / 1000.0) AT TIME ZONE 'UTC',
               'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "time",
       'application/json' AS datacontenttype,
       jsonb_build_object(
           'terminal', p.terminal,
           'source', p.source,
           'credential', p.credential,
           'user', p."user",
           'local_time', p."time",
           'zone', p.zone,
           'mark', p.mark,
           'method', p.method,
           'clock', CASE WHEN s.utc IS NOT NULL THEN 'settled'
                         WHEN p.utc IS NULL THEN 'unknown'
                         WHEN p.synced THEN 'synchronised' ELSE 'unsure' END,
           'named_by', i.actor
       ) AS data
  FROM presence p
  LEFT JOIN identified i USING (kiosk, epoch, seq, hash)
  LEFT JOIN settled s USING (kiosk, epoch, seq, hash)
 WHERE NOT p.again;
