-- Grain: one row per hh_no, for every registered household with a living member.
SELECT
  hh_no,
  division_code,
  exit_date,
  monitor_type,
  income_per_head,
  self_paid_12m,
  r1_income,
  r2_medical,
  r3_school,
  r4_house,
  r5_water,
  r6_no_power_use,
  r7_wage_drop,
  risk_count,
  risk_level,
  suggested_monitor_type
FROM poverty_risk
