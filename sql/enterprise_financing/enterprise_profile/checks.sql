-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_uscc (fail)
SELECT
  uscc
FROM staged
GROUP BY uscc
HAVING count(*) > 1;

-- check: only_market_entities (fail)
SELECT
  uscc
FROM staged
WHERE uscc IS NULL OR substr(uscc, 1, 1) <> '9';

-- check: every_market_entity_has_a_row (fail)
SELECT
  e.uscc
FROM le_entity e
LEFT JOIN staged s ON s.uscc = e.uscc
WHERE substr(e.uscc, 1, 1) = '9' AND s.uscc IS NULL;

-- check: founded_by_as_of (warn)
SELECT
  uscc
FROM staged
WHERE found_date > CAST($as_of AS DATE);

-- check: paid_in_within_subscription (warn)
SELECT
  uscc
FROM staged
WHERE paid_in_pct > 105;

-- check: industry_is_known (warn)
SELECT
  uscc
FROM staged
WHERE industry_code IS NOT NULL AND industry_section IS NULL;
