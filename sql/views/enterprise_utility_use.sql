-- Use of water, power and gas by firms, and how they pay.
-- Grain: one row per uscc and utility with at least one bill, through the accounts that the
-- subject holds under its own code. "12 months" are the twelve complete calendar months before
-- the month of as_of. Sums stay decimal until the end, so that no order of rows can change a
-- digit; the standard deviation comes from the sums of q and of q * q for the same reason. A month
-- that was billed without a quantity is no month of 0. A month is late or in arrears when one of
-- its bills is.
WITH bills AS (
  SELECT
    a.holder_code AS uscc,
    b.utility,
    b.bill_month,
    b.qty,
    b.amount,
    b.paid_amount,
    b.due_date,
    b.paid_date,
    b.pay_status IN ('2', '3') AND b.due_date < p.as_of AS in_arrears,
    b.bill_month >= p.m12 AND b.bill_month < p.m_cur AS in_12m,
    b.bill_month >= p.m24 AND b.bill_month < p.m12 AS in_prev_12m,
    CAST(coalesce(b.paid_date, p.as_of) AS INT) - CAST(b.due_date AS INT) AS overdue_days
  FROM period p
  CROSS JOIN utility_bill b
  JOIN utility_account a ON a.utility = b.utility AND a.account_no = b.account_no
  WHERE a.holder_code_type = '001' AND a.holder_code IS NOT NULL
),
months AS (
  SELECT
    uscc,
    utility,
    in_12m,
    in_prev_12m,
    sum(qty) AS qty,
    bool_or(paid_date > due_date OR (paid_date IS NULL AND in_arrears)) AS is_late,
    bool_or(in_arrears) AS is_in_arrears,
    sum(amount - paid_amount) FILTER (WHERE in_arrears) AS arrears_yuan,
    max(overdue_days) AS overdue_days
  FROM bills
  GROUP BY uscc, utility, bill_month, in_12m, in_prev_12m
),
firms AS (
  SELECT
    uscc,
    utility,
    count(*) FILTER (WHERE in_12m) AS months_12m,
    count(qty) FILTER (WHERE in_12m) AS known_12m,
    count(*) FILTER (WHERE in_prev_12m) AS months_prev,
    coalesce(sum(qty) FILTER (WHERE in_12m), 0) AS qty_12m,
    coalesce(sum(qty) FILTER (WHERE in_prev_12m), 0) AS qty_prev,
    coalesce(sum(qty * qty) FILTER (WHERE in_12m), 0) AS qty_squares_12m,
    count(*) FILTER (WHERE in_12m AND is_late) AS late_months_12m,
    count(*) FILTER (WHERE is_in_arrears) AS open_arrears_months,
    coalesce(sum(arrears_yuan), 0) AS open_arrears_yuan,
    greatest(coalesce(max(overdue_days) FILTER (WHERE in_12m), 0), 0) AS max_overdue_days_12m
  FROM months
  GROUP BY uscc, utility
)
SELECT
  uscc,
  utility,
  months_12m AS months_billed_12m,
  CAST(qty_12m AS DOUBLE) AS qty_12m,
  CAST(qty_prev AS DOUBLE) AS qty_prev_12m,
  CASE
    WHEN months_12m = 12 AND months_prev = 12 AND qty_prev > 0
    THEN round(CAST(100 * (qty_12m - qty_prev) AS DOUBLE) / CAST(qty_prev AS DOUBLE), 2)
  END AS qty_growth_pct,
  CASE
    WHEN months_12m >= 6 AND qty_12m > 0
    THEN round(
      sqrt(CAST(known_12m * qty_squares_12m - qty_12m * qty_12m AS DOUBLE))
      / CAST(qty_12m AS DOUBLE),
      4
    )
  END AS qty_cv,
  late_months_12m,
  open_arrears_months,
  CAST(open_arrears_yuan AS DECIMAL(29, 2)) AS open_arrears_yuan,
  max_overdue_days_12m
FROM firms
