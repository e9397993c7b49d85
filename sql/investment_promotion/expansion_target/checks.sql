-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_uscc (fail)
SELECT
  uscc
FROM staged
GROUP BY uscc
HAVING count(*) > 1;

-- check: only_growing_firms (fail)
SELECT
  uscc
FROM staged
WHERE power_growth_pct IS NULL
  OR power_growth_pct < 20
  OR insured_growth_pct IS NULL
  OR insured_growth_pct < 10;

-- check: only_firms_in_normal_operation (fail)
SELECT
  s.uscc
FROM staged s
LEFT JOIN le_entity e ON e.uscc = s.uscc
WHERE e.status_code IS NULL OR e.status_code <> '1';

-- check: growth_is_plausible (warn)
SELECT
  uscc
FROM staged
WHERE power_growth_pct > 1000 OR insured_growth_pct > 1000;
