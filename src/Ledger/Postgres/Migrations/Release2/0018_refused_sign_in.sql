-- A refused sign-in waits where mails do: whose log it belongs to is looked up when its turn comes.
ALTER TABLE people.mail
    DROP CONSTRAINT mail_kind_check,
    ADD CONSTRAINT mail_kind_check CHECK (kind IN ('mail', 'reset', 'refused')) NOT VALID;
