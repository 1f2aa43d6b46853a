-- The audit stays for good, what names a person in it does not: once they are gone, addresses become '-' and names in what was asked for
-- and in what was there become empty. Anything else is refused as before.
CREATE FUNCTION audit_blanked(value jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE jsonb_typeof(value)
        WHEN 'object' THEN coalesce((SELECT jsonb_object_agg(key, CASE
            WHEN key IN ('name', 'email', 'used_from') AND jsonb_typeof(item) = 'string' THEN '""'::jsonb
            WHEN key = 'addresses' THEN '[]'::jsonb
            ELSE audit_blanked(item) END) FROM jsonb_each(value) AS each(key, item)), '{}')
        WHEN 'array' THEN coalesce((SELECT jsonb_agg(audit_blanked(item) ORDER BY place)
            FROM jsonb_array_elements(value) WITH ORDINALITY AS each(item, place)), '[]')
        ELSE value END
$$;

CREATE FUNCTION audit_only_blanked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.at, NEW.intent_id, NEW.phase, NEW.actor_kind, NEW.actor_id, NEW.request_id, NEW.action, NEW.subject, NEW.outcome)
            IS DISTINCT FROM (OLD.id, OLD.at, OLD.intent_id, OLD.phase, OLD.actor_kind, OLD.actor_id, OLD.request_id, OLD.action, OLD.subject, OLD.outcome)
        OR NEW.address IS DISTINCT FROM OLD.address AND NEW.address IS DISTINCT FROM '-'
        OR NEW.request IS DISTINCT FROM OLD.request AND NEW.request IS DISTINCT FROM audit_blanked(OLD.request)
        OR NEW.before IS DISTINCT FROM OLD.before AND NEW.before IS DISTINCT FROM audit_blanked(OLD.before)
        OR NEW.after IS DISTINCT FROM OLD.after AND NEW.after IS DISTINCT FROM audit_blanked(OLD.after)
        OR NEW.failure IS DISTINCT FROM OLD.failure AND NEW.failure IS DISTINCT FROM audit_blanked(OLD.failure) THEN
        RAISE EXCEPTION 'UPDATE of audit is refused: its rows are for good' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

DROP TRIGGER audit_for_good ON audit;
CREATE TRIGGER audit_for_good BEFORE DELETE OR TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_only_blanked BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION audit_only_blanked();
