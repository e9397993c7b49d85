-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_division_month_and_indicator (fail)
SELECT
  division_code,
  stat_month,
  indicator
FROM staged
GROUP BY division_code, stat_month, indicator
HAVING count(*) > 1;

-- check: month_is_a_first (fail)
SELECT
  division_code,
  stat_month
FROM staged
WHERE date_part('day', stat_month) <> 1;

-- check: indicator_is_known (fail)
SELECT
  indicator
FROM staged
WHERE substr(indicator, 1, 5) NOT IN (
  'BE01_', 'BE02_', 'BE03_', 'BE04_', 'BE05_', 'BE06_', 'BE07_', 'BE08_'
);

-- check: shares_are_shares (fail)
SELECT
  division_code,
  stat_month,
  indicator
FROM staged
WHERE substr(indicator, 1, 4) IN ('BE04', 'BE06') AND value NOT BETWEEN 0 AND 1;

-- check: nothing_is_negative (fail)
SELECT
  division_code,
  stat_month,
  indicator
FROM staged
WHERE numerator < 0 OR denominator < 0;

-- check: award_keeps_to_the_cap (warn)
SELECT
  division_code,
  stat_month
FROM staged
WHERE indicator = 'BE07_award_to_cap' AND value > 1;

-- check: division_is_known (warn)
SELECT
  s.division_code
FROM staged s
LEFT JOIN division d ON d.code = s.division_code
WHERE d.code IS NULL
GROUP BY s.division_code;
