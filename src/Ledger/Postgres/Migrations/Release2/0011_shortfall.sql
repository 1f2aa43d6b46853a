-- concurrently
-- The few charges that were not covered are found without a look at the rest.
DROP INDEX CONCURRENTLY IF EXISTS ledger_shortfall;
CREATE INDEX CONCURRENTLY ledger_shortfall ON ledger (at) WHERE shortfall > 0;
