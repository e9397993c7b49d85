-- Grain: one row per case_no, for every case that is accepted and not finished.
-- Light: red past the time by law, orange past the promise, yellow with at most one day left of
-- it, else green; null where the days or the promise are not known.
SELECT
  case_no,
  item_code,
  item_name,
  dept_uscc,
  division_code,
  accept_time,
  used_workdays,
  promise_days,
  promise_days - used_workdays AS days_left,
  CASE
    WHEN used_workdays > statutory_days THEN 'red'
    WHEN used_workdays > promise_days THEN 'orange'
    WHEN promise_days - used_workdays <= 1 THEN 'yellow'
    WHEN promise_days - used_workdays > 1 THEN 'green'
  END AS light
FROM government_case
WHERE accept_time IS NOT NULL AND finish_time IS NULL
