-- Tax of the last 12 months, its growth, and what the newest month says.
-- Grain: one row per uscc with a month before that of as_of. A sum without a month is null;
-- growth needs all twelve months of the year before and a positive sum in them.
WITH months AS (
  SELECT
    t.uscc,
    t.tax_paid,
    t.sales,
    t.tax_overdue,
    t.credit_grade,
    t.tax_month >= p.m12 AS in_12m,
    t.tax_month >= p.m24 AND t.tax_month < p.m12 AS in_prev_12m,
    row_number() OVER (PARTITION BY t.uscc ORDER BY t.tax_month DESC) AS newest
  FROM period p
  CROSS JOIN pool_tax_month t
  WHERE t.tax_month < p.m_cur
),
sums AS (
  SELECT
    uscc,
    sum(tax_paid) FILTER (WHERE in_12m) AS tax_paid_12m,
    sum(tax_paid) FILTER (WHERE in_prev_12m) AS tax_paid_prev_12m,
    count(*) FILTER (WHERE in_prev_12m) AS months_prev,
    sum(sales) FILTER (WHERE in_12m) AS sales_12m
  FROM months
  GROUP BY uscc
)
SELECT
  s.uscc,
  CAST(s.tax_paid_12m AS DOUBLE) AS tax_paid_12m,
  CAST(s.tax_paid_prev_12m AS DOUBLE) AS tax_paid_prev_12m,
  CAST(s.sales_12m AS DOUBLE) AS sales_12m,
  CASE
    WHEN s.months_prev = 12 AND s.tax_paid_prev_12m > 0
    THEN round(
      CAST(100 * (s.tax_paid_12m - s.tax_paid_prev_12m) AS DOUBLE)
      / CAST(s.tax_paid_prev_12m AS DOUBLE),
      2
    )
  END AS tax_growth_pct,
  m.tax_overdue,
  m.credit_grade AS tax_credit_grade
FROM sums s
JOIN months m ON m.uscc = s.uscc AND m.newest = 1
