-- Who asked for which change, and what became of it: a row with the intent before it is carried out, one with the outcome
-- after. An intent without an outcome is unknown: it is being carried out, or nobody was left to write what became of it.
-- Never secrets: neither a key's text nor its hash.
CREATE TABLE audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    intent_id  bigint REFERENCES audit (id),  -- the intent that a retry or an outcome belongs to
    phase      text COLLATE "C" NOT NULL CHECK (phase IN ('intent', 'retry', 'outcome')),
    address    text COLLATE "C" CHECK (length(address) BETWEEN 1 AND 200),  -- whence it was asked for
    actor_kind text COLLATE "C" CHECK (actor_kind IN ('operator', 'person', 'system')),
    actor_id   text COLLATE "C" CHECK (length(actor_id) BETWEEN 1 AND 128),
    request_id text COLLATE "C" CHECK (length(request_id) BETWEEN 1 AND 128),
    action     text COLLATE "C" CHECK (length(action) BETWEEN 1 AND 128),
    subject    text COLLATE "C" CHECK (length(subject) BETWEEN 1 AND 300),
    request    jsonb,                         -- what was asked for
    before     jsonb,                         -- the subject before; null if there was none
    after      jsonb,                         -- the subject after, which also answers a repeat
    outcome    text COLLATE "C" CHECK (length(outcome) BETWEEN 1 AND 128),  -- done, or the reason of the refusal
    failure    jsonb,                         -- the refusal, which also answers a repeat
    CONSTRAINT audit_intent CHECK ((phase = 'intent') = (intent_id IS NULL)
        AND num_nonnulls(actor_kind, actor_id, request_id, action, subject, request) = CASE phase WHEN 'intent' THEN 6 ELSE 0 END),
    CONSTRAINT audit_address CHECK ((phase = 'outcome') = (address IS NULL)),
    CONSTRAINT audit_outcome CHECK ((phase = 'outcome') = (outcome IS NOT NULL) AND (failure IS NULL OR phase = 'outcome')
        AND (after IS NOT NULL) = (outcome IS NOT NULL AND outcome = 'done') AND (before IS NULL OR phase = 'intent'))
);
CREATE UNIQUE INDEX audit_request ON audit (actor_kind, actor_id, request_id) WHERE phase = 'intent';
CREATE UNIQUE INDEX audit_end ON audit (intent_id) WHERE phase = 'outcome';
CREATE INDEX audit_retry ON audit (intent_id) WHERE phase = 'retry';
CREATE INDEX audit_subject ON audit (subject, id) WHERE phase = 'intent';

CREATE TRIGGER audit_for_good BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A row a change: its intent with what became of it. Outcome and time of it are null where they are unknown.
CREATE VIEW audited_change AS
SELECT asked.id, asked.at, asked.address, asked.actor_kind, asked.actor_id, asked.request_id, asked.action, asked.subject,
    asked.request, asked.before, ended.after, ended.outcome, ended.failure, ended.at AS ended_at,
    (SELECT count(*) FROM audit retry WHERE retry.intent_id = asked.id AND retry.phase = 'retry') AS retries
FROM audit asked
LEFT JOIN audit ended ON ended.intent_id = asked.id AND ended.phase = 'outcome'
WHERE asked.phase = 'intent';
