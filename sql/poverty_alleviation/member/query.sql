-- Grain: one row per hh_no and citizen_id, for every member of a registered household.
SELECT
  hh_no,
  citizen_id,
  relation_code,
  health_code,
  labour_code,
  school_stage,
  dropout,
  medical_insured,
  pension_insured,
  low_income,
  disability_grade,
  age,
  is_alive
FROM poverty_member
