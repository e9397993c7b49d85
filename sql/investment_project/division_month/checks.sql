-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_county_and_month (fail)
SELECT
  division_code,
  stat_month
FROM staged
GROUP BY
  division_code,
  stat_month
HAVING count(*) > 1;

-- check: month_begins_on_its_first_day (fail)
SELECT
  division_code,
  stat_month
FROM staged
WHERE date_part('day', stat_month) <> 1;

-- check: month_belongs_to_a_project (warn)
SELECT
  m.project_code,
  m.stat_month
FROM pool_project_month m
LEFT JOIN pool_project j ON j.project_code = m.project_code
WHERE j.project_code IS NULL;

-- check: plan_is_reported (warn)
SELECT
  division_code,
  stat_month
FROM staged
WHERE plan_wan IS NULL;
