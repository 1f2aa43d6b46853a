-- Orleans' reminders, as Microsoft.Orleans.Reminders.AdoNet keeps them with the statements below.

-- No version is given twice: whoever knew a reminder that was removed and registered anew cannot remove the new one by the old version.
CREATE SEQUENCE reminder_version AS int;

CREATE TABLE reminder (
    service_id text COLLATE "C" NOT NULL,
    grain_id   text COLLATE "C" NOT NULL,     -- type and key
    name       text COLLATE "C" NOT NULL,
    start_at   timestamptz NOT NULL,          -- of the first tick
    period_ms  bigint NOT NULL CHECK (period_ms >= 0),
    grain_hash int NOT NULL,                  -- which silo of a cluster has it
    version    int NOT NULL,
    PRIMARY KEY (service_id, grain_id, name)
);

CREATE INDEX reminder_hash ON reminder (service_id, grain_hash);

INSERT INTO orleansquery (querykey, querytext) VALUES
('UpsertReminderRowKey', $query$
INSERT INTO reminder (service_id, grain_id, name, start_at, period_ms, grain_hash, version)
VALUES (@ServiceId, @GrainId, @ReminderName, @StartTime, @Period, @GrainHash, nextval('reminder_version'))
ON CONFLICT (service_id, grain_id, name) DO UPDATE SET
    start_at = excluded.start_at, period_ms = excluded.period_ms, grain_hash = excluded.grain_hash, version = excluded.version
RETURNING version AS Version
$query$),
('ReadReminderRowKey', $query$
SELECT grain_id AS GrainId, name AS ReminderName, start_at AS StartTime, period_ms AS Period, version AS Version FROM reminder
WHERE service_id = @ServiceId AND grain_id = @GrainId AND name = @ReminderName
$query$),
('ReadReminderRowsKey', $query$
SELECT grain_id AS GrainId, name AS ReminderName, start_at AS StartTime, period_ms AS Period, version AS Version FROM reminder
WHERE service_id = @ServiceId AND grain_id = @GrainId
$query$),
-- A range of the ring of hashes: (begin, end], and the one that wraps around.
('ReadRangeRows1Key', $query$
SELECT grain_id AS GrainId, name AS ReminderName, start_at AS StartTime, period_ms AS Period, version AS Version FROM reminder
WHERE service_id = @ServiceId AND grain_hash > @BeginHash AND grain_hash <= @EndHash
$query$),
('ReadRangeRows2Key', $query$
SELECT grain_id AS GrainId, name AS ReminderName, start_at AS StartTime, period_ms AS Period, version AS Version FROM reminder
WHERE service_id = @ServiceId AND (grain_hash > @BeginHash OR grain_hash <= @EndHash)
$query$),
('DeleteReminderRowKey', $query$
WITH removed AS (
    DELETE FROM reminder WHERE service_id = @ServiceId AND grain_id = @GrainId AND name = @ReminderName AND version = @Version
    RETURNING 1
)
SELECT count(*)::int FROM removed
$query$),
('DeleteReminderRowsKey', $query$
DELETE FROM reminder WHERE service_id = @ServiceId
$query$);
