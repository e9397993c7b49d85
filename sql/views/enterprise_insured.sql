-- Employees under social insurance in the last complete month and a year before it.
-- Grain: one row per uscc with any month. Growth is null without a base.
WITH months AS (
  SELECT
    s.uscc,
    s.insured_count,
    s.pay_month >= p.m12 AND s.pay_month < p.m_cur AND s.paid < s.payable AS unpaid_12m,
    s.pay_month = CAST(p.m_cur - INTERVAL '1 month' AS DATE) AS is_last,
    s.pay_month = CAST(p.m12 - INTERVAL '1 month' AS DATE) AS is_year_ago
  FROM period p
  CROSS JOIN pool_si_month s
),
counts AS (
  SELECT
    uscc,
    max(insured_count) FILTER (WHERE is_last) AS insured_now,
    max(insured_count) FILTER (WHERE is_year_ago) AS insured_year_ago,
    count(*) FILTER (WHERE unpaid_12m) AS si_unpaid_months_12m
  FROM months
  GROUP BY uscc
)
SELECT
  uscc,
  insured_now,
  insured_year_ago,
  CASE
    WHEN insured_year_ago > 0
    THEN round(
      CAST(100 * (CAST(insured_now AS BIGINT) - insured_year_ago) AS DOUBLE)
      / CAST(insured_year_ago AS DOUBLE),
      2
    )
  END AS insured_growth_pct,
  si_unpaid_months_12m
FROM counts
