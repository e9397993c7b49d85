-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_county_and_day (fail)
SELECT
  division_code,
  d
FROM staged
GROUP BY
  division_code,
  d
HAVING count(*) > 1;

-- check: no_count_of_one_to_four (fail)
SELECT
  division_code,
  d
FROM staged
WHERE arrivals BETWEEN 1 AND 4 OR confirmed BETWEEN 1 AND 4 OR asymptomatic BETWEEN 1 AND 4;
