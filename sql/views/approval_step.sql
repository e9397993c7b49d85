-- Approval steps of investment projects with the working days they took by $as_of.
-- Grain: one row per project_code and step_no, for every step accepted by $as_of.
-- The day of acceptance is day 0; pauses do not count; an open step counts to $as_of. Days are
-- those of Chongqing (+08:00). Outside the years of the working-day calendar nothing is counted:
-- used_workdays and is_overdue are null then.
WITH dated AS (
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
    CAST(accept_time + INTERVAL '8 hours' AS DATE) AS accept_date,
    CAST(finish_time + INTERVAL '8 hours' AS DATE) AS finish_date
  FROM pool_project_step
),
counted AS (
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
    finish_date,
    CAST(
      workdays_between(accept_date, coalesce(finish_date, CAST($as_of AS DATE))) - pause_days
      AS BIGINT
    ) AS workdays
  FROM dated
  WHERE accept_date <= CAST($as_of AS DATE)
)
SELECT
  project_code,
  step_no,
  stage,
  item_code,
  dept_uscc,
  accept_time,
  finish_time,
  finish_date,
  promise_days,
  pause_days,
  result_code,
  CASE WHEN workdays < 0 THEN 0 ELSE workdays END AS used_workdays,
  finish_time IS NOT NULL AS is_done,
  CASE WHEN workdays < 0 THEN 0 ELSE workdays END > promise_days AS is_overdue
FROM counted
