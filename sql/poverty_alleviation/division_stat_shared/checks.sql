-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_county (fail)
SELECT
  division_code
FROM staged
GROUP BY division_code
HAVING count(*) > 1;

-- check: no_group_of_one_to_four (fail)
SELECT
  division_code
FROM staged
WHERE households < 5
  OR exited_households BETWEEN 1 AND 4
  OR households - exited_households BETWEEN 1 AND 4
  OR high_risk_households BETWEEN 1 AND 4
  OR households - high_risk_households BETWEEN 1 AND 4
  OR medium_risk_households BETWEEN 1 AND 4
  OR households - medium_risk_households BETWEEN 1 AND 4
  OR households - high_risk_households - medium_risk_households BETWEEN 1 AND 4;
