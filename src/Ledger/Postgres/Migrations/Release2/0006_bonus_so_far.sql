-- What is left of bonuses that were given before: each charge took of them first. Where nothing was given it stays 0.
UPDATE account a SET bonus = least(a.balance, b.rest)
FROM (SELECT account_id, (array_agg(total ORDER BY seq DESC))[1] - least(0, min(total)) AS rest
    FROM (SELECT account_id, seq, sum(CASE kind WHEN 'bonus' THEN amount WHEN 'charge' THEN amount ELSE 0 END)
            OVER (PARTITION BY account_id ORDER BY seq ROWS UNBOUNDED PRECEDING) AS total
        FROM ledger
        WHERE account_id IN (SELECT account_id FROM ledger WHERE kind = 'bonus')) t
    GROUP BY account_id) b
WHERE a.id = b.account_id;

ALTER TABLE ledger VALIDATE CONSTRAINT ledger_amount;
ALTER TABLE ledger VALIDATE CONSTRAINT ledger_closed_by;
