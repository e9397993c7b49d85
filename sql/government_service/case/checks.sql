-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_case (fail)
SELECT
  case_no
FROM staged
GROUP BY case_no
HAVING count(*) > 1;

-- check: working_days_are_not_negative (fail)
SELECT
  case_no
FROM staged
WHERE used_workdays < 0;

-- check: item_is_known (warn)
SELECT
  c.case_no
FROM pool_gov_case c
LEFT JOIN staged s ON s.case_no = c.case_no
WHERE s.case_no IS NULL;

-- check: finished_was_accepted (warn)
SELECT
  case_no
FROM staged
WHERE finish_time IS NOT NULL AND accept_time IS NULL;

-- check: within_the_working_day_calendar (warn)
SELECT
  case_no
FROM staged
WHERE accept_time IS NOT NULL AND used_workdays IS NULL;
