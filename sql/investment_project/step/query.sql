-- Grain: one row per project_code and step_no, for every step accepted by $as_of.
SELECT
  project_code,
  step_no,
  stage,
  item_code,
  dept_uscc,
  accept_time,
  finish_time,
  promise_days,
  pause_days,
  result_code,
  used_workdays,
  is_done,
  is_overdue
FROM approval_step
