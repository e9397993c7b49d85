-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_item_and_month (fail)
SELECT
  item_code,
  dept_uscc,
  stage,
  finish_month
FROM staged
GROUP BY
  item_code,
  dept_uscc,
  stage,
  finish_month
HAVING count(*) > 1;

-- check: rates_are_shares (fail)
SELECT
  item_code,
  finish_month
FROM staged
WHERE finished < 1
  OR on_time_pct NOT BETWEEN 0 AND 100
  OR avg_workdays < 0
  OR p90_workdays < 0;

-- check: within_the_working_day_calendar (warn)
SELECT
  item_code,
  finish_month
FROM staged
WHERE avg_workdays IS NULL;
