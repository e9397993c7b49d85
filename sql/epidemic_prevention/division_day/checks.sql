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

-- check: counts_are_not_negative (fail)
SELECT
  division_code,
  d
FROM staged
WHERE arrivals < 0 OR confirmed < 0 OR asymptomatic < 0;

-- check: county_is_of_the_city (warn)
SELECT
  division_code,
  d
FROM staged
WHERE division_code NOT LIKE '50%';
