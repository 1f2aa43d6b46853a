-- concurrently
-- What an account sees of its usage is added up from its own hours.
DROP INDEX CONCURRENTLY IF EXISTS usage_hour_account;
CREATE INDEX CONCURRENTLY usage_hour_account ON usage_hour (account_id, hour);
