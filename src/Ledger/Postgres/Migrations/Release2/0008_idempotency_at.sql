-- concurrently
-- What is over is found by its age, without a look at the rest.
DROP INDEX CONCURRENTLY IF EXISTS idempotency_at;
CREATE INDEX CONCURRENTLY idempotency_at ON idempotency (at);
