-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_subject (fail)
SELECT
  subject_code
FROM staged
GROUP BY subject_code
HAVING count(*) > 1;

-- check: granted_is_part_of_the_cases (fail)
SELECT
  subject_code
FROM staged
WHERE granted_12m > cases_12m OR (cases_12m = 0) <> (last_apply IS NULL);

-- check: expiry_is_ahead (fail)
SELECT
  subject_code
FROM staged
WHERE next_expiry < CAST($as_of AS DATE);

-- check: applied_by_as_of (warn)
SELECT
  case_no
FROM pool_gov_case
WHERE CAST(apply_time + INTERVAL '8 hours' AS DATE) > CAST($as_of AS DATE);
