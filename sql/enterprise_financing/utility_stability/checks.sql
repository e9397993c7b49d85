-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_uscc_and_utility (fail)
SELECT
  uscc,
  utility
FROM staged
GROUP BY uscc, utility
HAVING count(*) > 1;

-- check: key_is_complete (fail)
SELECT
  uscc,
  utility
FROM staged
WHERE uscc IS NULL OR utility IS NULL OR utility NOT IN ('water', 'power', 'gas');

-- check: months_fit_the_window (fail)
SELECT
  uscc,
  utility
FROM staged
WHERE months_billed_12m NOT BETWEEN 0 AND 12
  OR late_months_12m NOT BETWEEN 0 AND months_billed_12m;

-- check: growth_only_with_a_full_year (fail)
SELECT
  uscc,
  utility
FROM staged
WHERE qty_growth_pct IS NOT NULL AND (months_billed_12m <> 12 OR qty_prev_12m <= 0);

-- check: variation_only_from_six_months (fail)
SELECT
  uscc,
  utility
FROM staged
WHERE qty_cv IS NOT NULL AND (months_billed_12m < 6 OR qty_cv < 0);

-- check: arrears_are_owed (warn)
SELECT
  uscc,
  utility
FROM staged
WHERE open_arrears_yuan < 0;

-- check: growth_is_plausible (warn)
SELECT
  uscc,
  utility
FROM staged
WHERE abs(qty_growth_pct) > 1000;
