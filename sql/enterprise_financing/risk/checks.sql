-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_uscc (fail)
SELECT
  uscc
FROM staged
GROUP BY uscc
HAVING count(*) > 1;

-- check: every_market_entity_has_a_row (fail)
SELECT
  e.uscc
FROM le_entity e
LEFT JOIN staged s ON s.uscc = e.uscc
WHERE substr(e.uscc, 1, 1) = '9' AND s.uscc IS NULL;

-- check: parts_are_within_their_whole (fail)
SELECT
  uscc
FROM staged
WHERE serious_penalties_24m > penalties_24m OR seized_rights > property_rights;

-- check: nothing_is_negative (fail)
SELECT
  uscc
FROM staged
WHERE fine_wan_24m < 0
  OR mortgage_wan < 0
  OR loan_balance_wan < 0
  OR max_loan_overdue_days < 0;

-- check: balance_belongs_to_a_loan (fail)
SELECT
  uscc
FROM staged
WHERE open_loans = 0 AND (loan_balance_wan <> 0 OR max_loan_overdue_days <> 0);

-- check: penalties_are_plausible (warn)
SELECT
  uscc
FROM staged
WHERE penalties_24m > 100;
