-- Cases of government services with their item and the working days they took by $as_of.
-- Grain: one row per case_no, for every case of a known item.
-- The day of acceptance is day 0; pauses do not count; an open case counts to $as_of. Days are
-- those of Chongqing (+08:00). used_workdays is null before the acceptance, and outside the years
-- of the working-day calendar.
WITH dated AS (
  SELECT
    case_no,
    item_code,
    division_code,
    applicant_type,
    applicant_code,
    apply_time,
    accept_time,
    finish_time,
    pause_days,
    result_code,
    channel,
    rating,
    licences_reused,
    CAST(accept_time + INTERVAL '8 hours' AS DATE) AS accept_date,
    CAST(finish_time + INTERVAL '8 hours' AS DATE) AS finish_date
  FROM pool_gov_case
),
counted AS (
  SELECT
    case_no,
    item_code,
    division_code,
    applicant_type,
    applicant_code,
    apply_time,
    accept_time,
    finish_time,
    finish_date,
    result_code,
    channel,
    rating,
    licences_reused,
    CAST(
      workdays_between(accept_date, coalesce(finish_date, CAST($as_of AS DATE))) - pause_days
      AS BIGINT
    ) AS workdays
  FROM dated
)
SELECT
  c.case_no,
  i.item_code,
  i.item_name,
  i.item_type,
  i.dept_uscc,
  c.division_code,
  c.applicant_type,
  c.applicant_code,
  c.apply_time,
  c.accept_time,
  c.finish_time,
  c.finish_date,
  c.result_code,
  c.channel,
  c.rating,
  c.licences_reused,
  i.promise_days,
  i.statutory_days,
  CASE WHEN c.workdays < 0 THEN 0 ELSE c.workdays END AS used_workdays,
  c.channel IN ('1', '2', '5') AS is_online
FROM counted c
JOIN pool_gov_item i ON i.item_code = c.item_code
