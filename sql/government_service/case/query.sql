-- Grain: one row per case_no, for every case of a known item.
SELECT
  case_no,
  item_code,
  item_name,
  item_type,
  dept_uscc,
  division_code,
  applicant_type,
  applicant_code,
  apply_time,
  accept_time,
  finish_time,
  result_code,
  channel,
  rating,
  licences_reused,
  promise_days,
  statutory_days,
  used_workdays,
  is_online
FROM government_case
