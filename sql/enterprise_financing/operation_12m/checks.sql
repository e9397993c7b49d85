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

-- check: months_fit_the_window (fail)
SELECT
  uscc
FROM staged
WHERE si_unpaid_months_12m NOT BETWEEN 0 AND 12
  OR hf_months_12m NOT BETWEEN 0 AND 12;

-- check: growth_only_with_a_base (fail)
SELECT
  uscc
FROM staged
WHERE (tax_growth_pct IS NOT NULL AND coalesce(tax_paid_prev_12m, 0) <= 0)
  OR (insured_growth_pct IS NOT NULL AND coalesce(insured_year_ago, 0) <= 0);

-- check: wins_are_bids (fail)
SELECT
  uscc
FROM staged
WHERE wins_36m > bids_36m OR award_wan_36m < 0;

-- check: growth_is_plausible (warn)
SELECT
  uscc
FROM staged
WHERE abs(tax_growth_pct) > 1000 OR abs(insured_growth_pct) > 1000;
