-- Grain: one row per uscc and utility with at least one bill, through the accounts that the
-- subject holds under its own code.
SELECT
  uscc,
  utility,
  months_billed_12m,
  qty_12m,
  qty_prev_12m,
  qty_growth_pct,
  qty_cv,
  late_months_12m,
  open_arrears_months,
  open_arrears_yuan,
  max_overdue_days_12m
FROM enterprise_utility_use
