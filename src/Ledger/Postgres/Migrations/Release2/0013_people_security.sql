-- Attempts to give a password or a code: for which address (a digest of it, whether or not somebody has it) and from which network, '*' for
-- all of them. Counted in one statement, so that attempts at once are as many as they are.
CREATE TABLE people.attempt (
    subject  uuid NOT NULL,
    network  text COLLATE "C" NOT NULL CHECK (length(network) BETWEEN 1 AND 100),
    attempts integer NOT NULL CHECK (attempts >= 1),
    at       timestamptz NOT NULL,
    PRIMARY KEY (subject, network)
);
CREATE INDEX attempt_at ON people.attempt (at);

-- Codes of an app that were taken: each is good once.
CREATE TABLE people.used_code (
    person_id uuid NOT NULL REFERENCES people.person (id) ON DELETE CASCADE,
    code      text COLLATE "C" NOT NULL CHECK (length(code) BETWEEN 1 AND 20),
    at        timestamptz NOT NULL,
    PRIMARY KEY (person_id, code)
);
CREATE INDEX used_code_at ON people.used_code (at);

-- How many mails that anybody can cause an address got on a day. Of the address there is a digest.
CREATE TABLE people.mail_count (
    recipient uuid NOT NULL,
    day       date NOT NULL,
    mails     integer NOT NULL CHECK (mails >= 1),
    PRIMARY KEY (recipient, day)
);

-- The secret of a key that a form made a moment ago, encrypted, for the same form sent again.
CREATE TABLE people.shown_key (
    person_id  uuid NOT NULL REFERENCES people.person (id) ON DELETE CASCADE,
    request_id text COLLATE "C" NOT NULL CHECK (length(request_id) BETWEEN 1 AND 128),
    secret     bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (person_id, request_id)
);

-- What a queued row asks for: a mail, or a reset, whose mail is made when its turn comes.
ALTER TABLE people.mail ADD COLUMN kind text NOT NULL DEFAULT 'mail' CHECK (kind IN ('mail', 'reset'));

-- Changes of an e-mail address, which the old one can undo for some days. Of the link's secret there is only the digest.
CREATE TABLE people.email_change (
    id         uuid NOT NULL,
    person_id  uuid NOT NULL,
    old_email  text NOT NULL,
    undo_hash  bytea NOT NULL,
    at         timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT pk_email_change PRIMARY KEY (id),
    CONSTRAINT fk_email_change_person_person_id FOREIGN KEY (person_id) REFERENCES people.person (id) ON DELETE CASCADE
);
CREATE INDEX ix_email_change_person_id ON people.email_change (person_id);
CREATE UNIQUE INDEX ix_email_change_undo_hash ON people.email_change (undo_hash);

ALTER TABLE people.person
    ADD COLUMN policy_withdrawn_at timestamp with time zone,
    ADD COLUMN deletion_due_at timestamp with time zone,
    ADD COLUMN deleted_at timestamp with time zone;
CREATE INDEX ix_person_created_at ON people.person (created_at) WHERE NOT email_confirmed;
CREATE INDEX ix_person_deletion_due_at ON people.person (deletion_due_at) WHERE deletion_due_at IS NOT NULL;
CREATE INDEX ix_sign_in_at ON people.sign_in (at);
CREATE INDEX ix_session_seen_at ON people.session (seen_at);

-- Exports of all that is kept of a person: asked for, made in the background, there for some days.
CREATE TABLE people.data_export (
    id          uuid NOT NULL,
    person_id   uuid NOT NULL,
    asked_at    timestamp with time zone NOT NULL,
    next_try_at timestamp with time zone NOT NULL,
    tries       integer NOT NULL,
    ready_at    timestamp with time zone,
    expires_at  timestamp with time zone NOT NULL,
    bytes       bigint NOT NULL,
    CONSTRAINT pk_data_export PRIMARY KEY (id),
    CONSTRAINT fk_data_export_person_person_id FOREIGN KEY (person_id) REFERENCES people.person (id) ON DELETE CASCADE
);
CREATE INDEX ix_data_export_person_id ON people.data_export (person_id);
CREATE INDEX ix_data_export_next_try_at ON people.data_export (next_try_at) WHERE ready_at IS NULL;

-- Their content, encrypted part by part.
CREATE TABLE people.data_export_part (
    export_id uuid NOT NULL REFERENCES people.data_export (id) ON DELETE CASCADE,
    part      integer NOT NULL CHECK (part >= 0),
    content   bytea NOT NULL,
    PRIMARY KEY (export_id, part)
);
