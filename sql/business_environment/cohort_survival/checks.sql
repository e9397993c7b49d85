-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_division_and_year (fail)
SELECT
  division_code,
  cohort_year
FROM staged
GROUP BY division_code, cohort_year
HAVING count(*) > 1;

-- check: nobody_comes_back (fail)
SELECT
  division_code,
  cohort_year
FROM staged
WHERE NOT (founded >= alive_12m AND alive_12m >= alive_24m AND alive_24m >= alive_36m);

-- check: nobody_is_forgotten (fail)
SELECT
  e.division_code,
  date_part('year', e.found_date) AS cohort_year
FROM le_entity e
LEFT JOIN staged s
  ON s.division_code = e.division_code
  AND s.cohort_year = date_part('year', e.found_date)
WHERE substr(e.uscc, 1, 1) = '9'
  AND e.division_code IS NOT NULL
  AND CAST(e.found_date + INTERVAL '36 months' AS DATE) <= CAST($as_of AS DATE)
  AND s.cohort_year IS NULL;

-- check: division_is_known (warn)
SELECT
  s.division_code
FROM staged s
LEFT JOIN division d ON d.code = s.division_code
WHERE d.code IS NULL
GROUP BY s.division_code;
