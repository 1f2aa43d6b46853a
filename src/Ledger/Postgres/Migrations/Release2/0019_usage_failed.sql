-- The few requests that were not completed, which pages list by themselves. Days that are made from now on have it; building it for those
-- that are there would stop flights for as long as it takes.
CREATE INDEX usage_failed ON ONLY usage (account_id, at) WHERE status <> 'completed';
