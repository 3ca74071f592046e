-- One way out of central, with PostgreSQL's own logical replication (docs/OUT.md): run it once in
-- central's database, as its owner or a superuser. Needs wal_level = logical in postgresql.conf.
--
-- What goes out is what a presence says; raw bytes, templates and accounts do not. The names of
-- people go only where `person` stands in the list.

CREATE PUBLICATION presensi_out FOR TABLE
    presence (id, kiosk, epoch, seq, hash, source, terminal, credential, "user", "time", zone,
              utc, person, mark, method, state, again, synced, received_at),
    identified (kiosk, epoch, seq, hash, person, actor, at),
    settled (kiosk, epoch, seq, hash, utc, actor, at)
    WITH (publish = 'insert, update, delete');

-- Who may fetch it: these columns and no others.
--   CREATE ROLE siap LOGIN REPLICATION PASSWORD '...';
--   GRANT SELECT (id, kiosk, epoch, seq, hash, source, terminal, credential, "user", "time", zone,
--                 utc, person, mark, method, state, again, synced, received_at) ON presence TO siap;
--   GRANT SELECT ON identified, settled TO siap;
-- and in pg_hba.conf:  hostssl presensi siap 10.1.2.3/32 scram-sha-256
--
-- BUT: a role with REPLICATION that may connect to this database can have every change in it decoded,
-- of every table, by another plugin than the publication's. Give it to a server of your own only; whoever
-- is not to be trusted with central's database subscribes to that one (docs/OUT.md).
