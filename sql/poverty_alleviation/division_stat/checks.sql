-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_county (fail)
SELECT
  division_code
FROM staged
GROUP BY division_code
HAVING count(*) > 1;

-- check: parts_are_within_the_county (fail)
SELECT
  division_code
FROM staged
WHERE households < 1
  OR persons < households
  OR exited_households > households
  OR high_risk_households + medium_risk_households > households
  OR all_ok_pct NOT BETWEEN 0 AND 100;

-- check: county_is_of_the_city (warn)
SELECT
  division_code
FROM staged
WHERE division_code NOT LIKE '50%';
