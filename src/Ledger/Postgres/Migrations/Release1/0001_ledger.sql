-- The durable truth of the account protocol. Money is in nanos (10⁻⁹ USD). Ids compare bytewise, which is fast and
-- gives every session the same lock order.

CREATE TABLE account (
    epoch               bigint NOT NULL DEFAULT 0,
    version             bigint NOT NULL DEFAULT 0,
    seq                 bigint NOT NULL DEFAULT 0,
    balance             bigint NOT NULL DEFAULT 0,
    reserved            bigint NOT NULL DEFAULT 0,
    quarantined         bigint NOT NULL DEFAULT 0,
    requests_per_minute bigint CHECK (requests_per_minute >= 1),
    tokens_per_minute   bigint CHECK (tokens_per_minute >= 1),
    concurrency         bigint CHECK (concurrency >= 1),
    created_at          timestamptz NOT NULL,
    activated_at        timestamptz,
    id                  text COLLATE "C" PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 128),
    status              text COLLATE "C" NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'closed')),
    activation          text COLLATE "C",
    process             text COLLATE "C",
    earlier_process     text COLLATE "C",
    name                text NOT NULL,
    CONSTRAINT account_counters CHECK (epoch >= 0 AND version >= epoch AND seq >= 0 AND version >= 0),
    CONSTRAINT account_activation CHECK ((epoch = 0) = (activation IS NULL) AND (epoch = 0) = (activated_at IS NULL)),
    CONSTRAINT account_money CHECK (balance >= 0 AND reserved >= 0 AND quarantined >= 0 AND reserved <= balance - quarantined)
) WITH (fillfactor = 50); -- every flight updates rows in place: no index entry, no new page

-- One table for all time: (account, kind, ref) must be unique over all of it. No foreign key: flights insert only for
-- rows that they have locked, and accounts are never deleted.
CREATE TABLE ledger (
    seq           bigint NOT NULL CHECK (seq >= 1),
    amount        bigint NOT NULL,
    shortfall     bigint NOT NULL DEFAULT 0,
    balance_after bigint NOT NULL CHECK (balance_after >= 0),
    at            timestamptz NOT NULL,
    account_id    text COLLATE "C" NOT NULL,
    kind          text COLLATE "C" NOT NULL,
    closed_by     text COLLATE "C",
    ref           text COLLATE "C" NOT NULL CHECK (length(ref) BETWEEN 1 AND 128),
    PRIMARY KEY (account_id, seq),
    CONSTRAINT ledger_ref UNIQUE (account_id, ref, kind),
    CONSTRAINT ledger_amount CHECK (CASE kind
        WHEN 'charge' THEN amount <= 0
        WHEN 'topup' THEN amount > 0
        WHEN 'bonus' THEN amount > 0
        WHEN 'compensation' THEN amount > 0
        WHEN 'refund' THEN amount < 0
        WHEN 'adjustment' THEN amount <> 0
        ELSE false END),
    CONSTRAINT ledger_closed_by CHECK (CASE
        WHEN kind = 'charge' THEN closed_by IS NOT NULL AND closed_by IN ('settlement', 'lease') AND shortfall >= 0
        ELSE closed_by IS NULL AND shortfall = 0 END)
);

CREATE TABLE api_key (
    spent_total         bigint NOT NULL DEFAULT 0,
    spent_day           bigint NOT NULL DEFAULT 0,
    spent_week          bigint NOT NULL DEFAULT 0,
    spent_month         bigint NOT NULL DEFAULT 0,
    day                 date NOT NULL DEFAULT '-infinity', -- the windows that spent_day, spent_week and spent_month speak of
    week                date NOT NULL DEFAULT '-infinity',
    month               date NOT NULL DEFAULT '-infinity',
    cap_total           bigint CHECK (cap_total >= 0),
    cap_day             bigint CHECK (cap_day >= 0),
    cap_week            bigint CHECK (cap_week >= 0),
    cap_month           bigint CHECK (cap_month >= 0),
    requests_per_minute bigint CHECK (requests_per_minute >= 1),
    tokens_per_minute   bigint CHECK (tokens_per_minute >= 1),
    concurrency         bigint CHECK (concurrency >= 1),
    expires_at          timestamptz,
    used_at             timestamptz,
    show_cost           boolean NOT NULL,
    account_id          text COLLATE "C" NOT NULL,
    id                  text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 128),
    hash                bytea NOT NULL CHECK (length(hash) = 32),
    status              text COLLATE "C" NOT NULL CHECK (status IN ('active', 'disabled', 'revoked')),
    name                text NOT NULL,
    used_from           text,
    models              text[] NOT NULL,
    addresses           text[] NOT NULL,
    PRIMARY KEY (account_id, id),
    CONSTRAINT api_key_spend CHECK (spent_total >= 0 AND spent_day >= 0 AND spent_week >= 0 AND spent_month >= 0)
) WITH (fillfactor = 70);

CREATE TABLE idempotency (
    charge     bigint NOT NULL CHECK (charge >= 0),
    at         timestamptz NOT NULL,
    account_id text COLLATE "C" NOT NULL,
    key        text COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 256),
    hold_id    text COLLATE "C" NOT NULL CHECK (length(hold_id) BETWEEN 1 AND 128),
    state      text COLLATE "C" NOT NULL CHECK (state IN ('running', 'completed', 'ended')),
    body_hash  bytea NOT NULL CHECK (length(body_hash) = 32),
    PRIMARY KEY (account_id, key),
    CONSTRAINT idempotency_hold UNIQUE (account_id, hold_id),
    CONSTRAINT idempotency_charge CHECK (state <> 'running' OR charge = 0)
) WITH (fillfactor = 80);

-- One row a relayed request, never content. Daily partitions, so that retention drops whole ones.
CREATE TABLE usage (
    at             timestamptz NOT NULL,
    charge         bigint NOT NULL CHECK (charge >= 0),
    input          bigint NOT NULL,
    cached_input   bigint NOT NULL,
    cache_write_5m bigint NOT NULL,
    cache_write_1h bigint NOT NULL,
    audio_input    bigint NOT NULL,
    image_input    bigint NOT NULL,
    output         bigint NOT NULL,
    reasoning      bigint NOT NULL,
    audio_output   bigint NOT NULL,
    image_output   bigint NOT NULL,
    calls          bigint NOT NULL,
    first_byte_ms  bigint NOT NULL CHECK (first_byte_ms >= -1),
    duration_ms    bigint NOT NULL CHECK (duration_ms >= 0),
    is_estimated   boolean NOT NULL,
    account_id     text COLLATE "C" NOT NULL,
    key_id         text COLLATE "C" NOT NULL,
    request_id     text COLLATE "C" NOT NULL,
    status         text COLLATE "C" NOT NULL CHECK (status IN ('completed', 'client_gone', 'provider_error', 'provider_refused',
                       'funds_exhausted', 'timed_out', 'stopped', 'edge_lost')),
    model          text COLLATE "C" NOT NULL,
    channel        text COLLATE "C" NOT NULL,
    endpoint       text COLLATE "C" NOT NULL,
    price_id       text COLLATE "C" NOT NULL,
    client_address text COLLATE "C" NOT NULL,
    CONSTRAINT usage_units CHECK (input >= 0 AND cached_input >= 0 AND cache_write_5m >= 0 AND cache_write_1h >= 0
        AND audio_input >= 0 AND image_input >= 0 AND output >= 0 AND reasoning >= 0 AND audio_output >= 0
        AND image_output >= 0 AND calls >= 0)
) PARTITION BY RANGE (at);
CREATE INDEX usage_account ON usage (account_id, at);
CREATE TABLE usage_default PARTITION OF usage DEFAULT;

-- Up to when retention has removed usage: before it a charge needs no usage row.
CREATE TABLE usage_purge (
    only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    purged_before timestamptz NOT NULL
);

-- Called where a flight's batch claims another row than the store adds up: refuses the whole statement.
CREATE FUNCTION account_disagrees(account_id text, what text) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RAISE EXCEPTION 'account %: % is not what the batch claims', account_id, what USING ERRCODE = 'check_violation';
END $$;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: its rows are for good', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_for_good BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER account_for_good BEFORE DELETE OR TRUNCATE ON account
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
