-- The part of the balance that came as bonus. A release that does not know it leaves it as it is while it charges, so that only an
-- activation of a later one brings it down to the balance: no constraint may hold it there yet.
ALTER TABLE account ADD COLUMN bonus bigint NOT NULL DEFAULT 0 CONSTRAINT account_bonus CHECK (bonus >= 0);

-- Rows that are there have been held against narrower rules.
ALTER TABLE ledger DROP CONSTRAINT ledger_amount, DROP CONSTRAINT ledger_closed_by;
ALTER TABLE ledger
    ADD CONSTRAINT ledger_amount CHECK (CASE kind
        WHEN 'charge' THEN amount <= 0
        WHEN 'topup' THEN amount > 0
        WHEN 'bonus' THEN amount > 0
        WHEN 'compensation' THEN amount > 0
        WHEN 'refund' THEN amount < 0
        WHEN 'chargeback' THEN amount <= 0 AND amount < shortfall
        WHEN 'adjustment' THEN amount <> 0
        ELSE false END) NOT VALID,
    ADD CONSTRAINT ledger_closed_by CHECK (CASE kind
        WHEN 'charge' THEN closed_by IS NOT NULL AND closed_by IN ('settlement', 'lease') AND shortfall >= 0
        WHEN 'chargeback' THEN closed_by IS NULL AND shortfall >= 0
        ELSE closed_by IS NULL AND shortfall = 0 END) NOT VALID;
