-- Units beyond tokens and calls. What is there used none of them, so that its rows need no look.

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
                ADD COLUMN seconds bigint NOT NULL DEFAULT 0,
                ADD COLUMN characters bigint NOT NULL DEFAULT 0,
                ADD COLUMN images bigint NOT NULL DEFAULT 0,
                ADD COLUMN searches bigint NOT NULL DEFAULT 0,
                ADD CONSTRAINT usage_other_units
                    CHECK (seconds >= 0 AND characters >= 0 AND images >= 0 AND searches >= 0) NOT VALID
            $sql$, one);
    END LOOP;
END $$;

ALTER TABLE usage_hour
    ADD COLUMN seconds numeric NOT NULL DEFAULT 0,
    ADD COLUMN characters numeric NOT NULL DEFAULT 0,
    ADD COLUMN images numeric NOT NULL DEFAULT 0,
    ADD COLUMN searches numeric NOT NULL DEFAULT 0;

ALTER TABLE usage_day
    ADD COLUMN seconds numeric NOT NULL DEFAULT 0,
    ADD COLUMN characters numeric NOT NULL DEFAULT 0,
    ADD COLUMN images numeric NOT NULL DEFAULT 0,
    ADD COLUMN searches numeric NOT NULL DEFAULT 0;
