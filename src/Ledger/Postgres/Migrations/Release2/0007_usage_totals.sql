-- What usage adds up to: hours for as long as the rows themselves are kept, days for ever. Each charge is counted once, from
-- its row in the ledger: the mark says up to which seq an account's rows are in the totals, and moves in the transaction that
-- adds them.

CREATE TABLE usage_hour (
    hour           timestamptz NOT NULL,
    requests       bigint NOT NULL,
    charge         numeric NOT NULL,   -- sums have no greatest number: what a provider claims, adds up here
    shortfall      numeric NOT NULL,
    input          numeric NOT NULL,
    cached_input   numeric NOT NULL,
    cache_write_5m numeric NOT NULL,
    cache_write_1h numeric NOT NULL,
    audio_input    numeric NOT NULL,
    image_input    numeric NOT NULL,
    output         numeric NOT NULL,
    reasoning      numeric NOT NULL,
    audio_output   numeric NOT NULL,
    image_output   numeric NOT NULL,
    calls          numeric NOT NULL,
    account_id     text COLLATE "C" NOT NULL,
    key_id         text COLLATE "C" NOT NULL,
    model          text COLLATE "C" NOT NULL,
    channel        text COLLATE "C" NOT NULL,
    price_id       text COLLATE "C" NOT NULL,
    status         text COLLATE "C" NOT NULL,
    PRIMARY KEY (hour, account_id, key_id, model, channel, price_id, status)
) WITH (fillfactor = 80);

CREATE TABLE usage_day (
    day            date NOT NULL,      -- UTC's
    requests       bigint NOT NULL,
    charge         numeric NOT NULL,
    shortfall      numeric NOT NULL,
    input          numeric NOT NULL,
    cached_input   numeric NOT NULL,
    cache_write_5m numeric NOT NULL,
    cache_write_1h numeric NOT NULL,
    audio_input    numeric NOT NULL,
    image_input    numeric NOT NULL,
    output         numeric NOT NULL,
    reasoning      numeric NOT NULL,
    audio_output   numeric NOT NULL,
    image_output   numeric NOT NULL,
    calls          numeric NOT NULL,
    account_id     text COLLATE "C" NOT NULL,
    key_id         text COLLATE "C" NOT NULL,
    model          text COLLATE "C" NOT NULL,
    channel        text COLLATE "C" NOT NULL,
    price_id       text COLLATE "C" NOT NULL,
    status         text COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, day, key_id, model, channel, price_id, status)
) WITH (fillfactor = 80);

CREATE TABLE usage_mark (
    seq        bigint NOT NULL CHECK (seq >= 0),
    account_id text COLLATE "C" PRIMARY KEY
) WITH (fillfactor = 80);
