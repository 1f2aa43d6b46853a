-- Attempts of a request that the operator may pay for beside the one that the customer does. What is there counted none.
ALTER TABLE usage
    ADD COLUMN extra_attempts integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT usage_extra_attempts CHECK (extra_attempts >= 0) NOT VALID;
