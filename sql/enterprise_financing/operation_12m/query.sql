-- Grain: one row per uscc, for every subject whose code begins with 9 (market entities).
-- Sums and rates are null, not 0, where no month was reported; counts are 0.
WITH housing_fund AS (
  SELECT
    h.uscc,
    count(*) FILTER (WHERE h.amount > 0) AS hf_months_12m
  FROM period p
  CROSS JOIN pool_hf_month h
  WHERE h.pay_month >= p.m12 AND h.pay_month < p.m_cur
  GROUP BY h.uscc
)
SELECT
  e.uscc,
  t.tax_paid_12m,
  t.tax_paid_prev_12m,
  t.sales_12m,
  t.tax_growth_pct,
  t.tax_overdue,
  t.tax_credit_grade,
  s.insured_now,
  s.insured_year_ago,
  s.insured_growth_pct,
  coalesce(s.si_unpaid_months_12m, 0) AS si_unpaid_months_12m,
  coalesce(h.hf_months_12m, 0) AS hf_months_12m,
  coalesce(b.bids_36m, 0) AS bids_36m,
  coalesce(b.wins_36m, 0) AS wins_36m,
  coalesce(b.award_wan_36m, 0) AS award_wan_36m
FROM market_entity e
LEFT JOIN enterprise_tax t ON t.uscc = e.uscc
LEFT JOIN enterprise_insured s ON s.uscc = e.uscc
LEFT JOIN housing_fund h ON h.uscc = e.uscc
LEFT JOIN enterprise_bids b ON b.uscc = e.uscc
