-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_step (fail)
SELECT
  project_code,
  step_no
FROM staged
GROUP BY
  project_code,
  step_no
HAVING count(*) > 1;

-- check: working_days_are_not_negative (fail)
SELECT
  project_code,
  step_no
FROM staged
WHERE used_workdays < 0;

-- check: overdue_is_known_where_days_and_promise_are (fail)
SELECT
  project_code,
  step_no
FROM staged
WHERE (used_workdays IS NULL OR promise_days IS NULL) <> (is_overdue IS NULL);

-- check: accepted_by_as_of (warn)
SELECT
  project_code,
  step_no
FROM pool_project_step
WHERE CAST(accept_time + INTERVAL '8 hours' AS DATE) > CAST($as_of AS DATE);

-- check: within_the_working_day_calendar (warn)
SELECT
  project_code,
  step_no
FROM staged
WHERE used_workdays IS NULL;
