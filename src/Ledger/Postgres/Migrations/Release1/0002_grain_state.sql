-- The states of grains, as Microsoft.Orleans.Persistence.AdoNet stores them with the statements below; the embedded engine
-- stores them with the same. What that package sends besides, hashes for its own tables' indexes, is not needed here.

CREATE TABLE grain_state (
    key_n0      bigint NOT NULL,              -- a key that reads as a GUID or as a hexadecimal number, else 0
    key_n1      bigint NOT NULL,
    version     int NOT NULL CHECK (version >= 1),
    modified_at timestamptz NOT NULL DEFAULT now(),
    service_id  text COLLATE "C" NOT NULL,
    state_name  text COLLATE "C" NOT NULL,    -- not the grain's type: no two kinds of grains may have states of one name
    key_text    text COLLATE "C" NOT NULL,    -- any other key; what follows a number and a plus sign
    state       json,                         -- null once cleared: the row stays, so that its versions never start again
    PRIMARY KEY (service_id, state_name, key_n0, key_n1, key_text)
);

-- Where the package looks for its statements. It has none to delete rows (DeleteStateOnClear): the version of a row that is
-- written again would start at 1, and a write of who knew the old row could pass.
CREATE TABLE orleansquery (
    querykey  text COLLATE "C" PRIMARY KEY,
    querytext text NOT NULL
);

INSERT INTO orleansquery (querykey, querytext) VALUES
-- Who has read no version may only insert: of two, the primary key lets one through. Who has read one updates that one
-- alone: of two, the second waits for the first and then finds another version. No row tells that the write was refused.
('WriteToStorageKey', $query$
WITH first_write AS (
    INSERT INTO grain_state (service_id, state_name, key_n0, key_n1, key_text, state, version)
    SELECT @ServiceId, @GrainTypeString, @GrainIdN0, @GrainIdN1, coalesce(@GrainIdExtensionString, ''),
        convert_from(@PayloadBinary, 'UTF8')::json, 1
    WHERE @GrainStateVersion IS NULL
    ON CONFLICT DO NOTHING
    RETURNING version
), later_write AS (
    UPDATE grain_state SET state = convert_from(@PayloadBinary, 'UTF8')::json, version = version + 1, modified_at = now()
    WHERE service_id = @ServiceId AND state_name = @GrainTypeString AND key_n0 = @GrainIdN0 AND key_n1 = @GrainIdN1
        AND key_text = coalesce(@GrainIdExtensionString, '') AND version = @GrainStateVersion
    RETURNING version
)
SELECT version AS NewGrainStateVersion FROM first_write UNION ALL SELECT version FROM later_write
$query$),
('ReadFromStorageKey', $query$
SELECT convert_to(state::text, 'UTF8') AS PayloadBinary, version AS Version FROM grain_state
WHERE service_id = @ServiceId AND state_name = @GrainTypeString AND key_n0 = @GrainIdN0 AND key_n1 = @GrainIdN1
    AND key_text = coalesce(@GrainIdExtensionString, '')
$query$),
('ClearStorageKey', $query$
UPDATE grain_state SET state = NULL, version = version + 1, modified_at = now()
WHERE service_id = @ServiceId AND state_name = @GrainTypeString AND key_n0 = @GrainIdN0 AND key_n1 = @GrainIdN1
    AND key_text = coalesce(@GrainIdExtensionString, '') AND version = @GrainStateVersion
RETURNING version AS NewGrainStateVersion
$query$);
