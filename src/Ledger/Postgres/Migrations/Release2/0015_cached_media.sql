-- Sound and pictures that were read from a cache. What is there used none of them, so that its rows need no look.

-- No partition is detached while this runs; those that are, still have to be counted.
LOCK TABLE usage IN ACCESS EXCLUSIVE MODE;

DO $$
DECLARE
    one regclass;
BEGIN
    FOR one IN
        SELECT 'usage'::regclass UNION ALL
        SELECT oid::regclass FROM pg_class
        WHERE relkind = 'r' AND pg_table_is_visible(oid) AND relname ~ '^usage_\d{8}$' AND NOT relispartition
    LOOP
        EXECUTE format($sql$
            ALTER TABLE %s
                ADD COLUMN cached_audio_input bigint NOT NULL DEFAULT 0,
                ADD COLUMN cached_image_input bigint NOT NULL DEFAULT 0,
                ADD CONSTRAINT usage_cached_media CHECK (cached_audio_input >= 0 AND cached_image_input >= 0) NOT VALID
            $sql$, one);
    END LOOP;
END $$;

ALTER TABLE usage_hour
    ADD COLUMN cached_audio_input numeric NOT NULL DEFAULT 0,
    ADD COLUMN cached_image_input numeric NOT NULL DEFAULT 0;

ALTER TABLE usage_day
    ADD COLUMN cached_audio_input numeric NOT NULL DEFAULT 0,
    ADD COLUMN cached_image_input numeric NOT NULL DEFAULT 0;
