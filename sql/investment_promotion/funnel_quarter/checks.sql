-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_division_and_quarter (fail)
SELECT
  division_code,
  sign_quarter
FROM staged
GROUP BY division_code, sign_quarter
HAVING count(*) > 1;

-- check: quarter_begins_in_its_first_month (fail)
SELECT
  division_code,
  sign_quarter
FROM staged
WHERE date_part('day', sign_quarter) <> 1 OR date_part('month', sign_quarter) NOT IN (1, 4, 7, 10);

-- check: parts_are_within_their_whole (fail)
SELECT
  division_code,
  sign_quarter
FROM staged
WHERE signed < 1
  OR registered > signed
  OR started > signed
  OR producing > signed
  OR dropped > signed
  OR registered_180d_pct NOT BETWEEN 0 AND 100;

-- check: every_signature_is_counted (fail)
SELECT
  l.lead_no
FROM pool_invest_lead l
LEFT JOIN staged s
  ON s.division_code = l.division_code
  AND s.sign_quarter = CAST(date_trunc('quarter', l.sign_date) AS DATE)
WHERE l.sign_date IS NOT NULL AND l.division_code IS NOT NULL AND s.signed IS NULL;

-- check: division_is_known (warn)
SELECT
  s.division_code
FROM staged s
LEFT JOIN division d ON d.code = s.division_code
WHERE d.code IS NULL
GROUP BY s.division_code;
