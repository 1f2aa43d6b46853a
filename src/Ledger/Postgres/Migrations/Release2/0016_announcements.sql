-- What site and console tell everybody, in both languages. A row stays when its time is over.
CREATE TABLE announcement (
    number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at   timestamptz NOT NULL,
    starts_at    timestamptz NOT NULL,
    ends_at      timestamptz,               -- null: until it is withdrawn
    withdrawn_at timestamptz,
    id           text COLLATE "C" NOT NULL UNIQUE CHECK (length(id) BETWEEN 1 AND 128),
    level        text COLLATE "C" NOT NULL CHECK (level IN ('notice', 'warning', 'urgent')),
    english      text NOT NULL,
    chinese      text NOT NULL,
    CONSTRAINT announcement_times CHECK (ends_at > starts_at)
);
