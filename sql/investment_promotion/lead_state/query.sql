-- Grain: one row per investment lead (lead_no), with the state of the firm that landed.
-- fulfilment_index: 25 each for registered, started, at least 30 % of a positive contract paid in,
-- and tax paid and power used in the last 12 months.
WITH power AS (
  SELECT
    uscc,
    qty_12m,
    qty_growth_pct
  FROM enterprise_financing.utility_stability
  WHERE utility = 'power'
),
invested AS (
  SELECT
    m.project_code,
    sum(m.invested_wan) AS invested_wan
  FROM period p
  CROSS JOIN pool_project_month m
  WHERE m.stat_month < p.m_cur
  GROUP BY m.project_code
),
projects AS (
  SELECT
    j.project_code,
    CASE
      WHEN j.total_wan > 0
      THEN round(
        CAST(100 * coalesce(v.invested_wan, 0) AS DOUBLE) / CAST(j.total_wan AS DOUBLE),
        2
      )
    END AS invested_pct
  FROM pool_project j
  LEFT JOIN invested v ON v.project_code = j.project_code
),
leads AS (
  SELECT
    l.lead_no,
    l.lead_name,
    l.division_code,
    l.industry_code,
    l.stage_code,
    l.contract_wan,
    l.paid_in_wan,
    l.sign_date,
    l.register_date,
    l.start_date,
    l.landed_uscc,
    l.project_code,
    CAST(p.as_of AS INT) - CAST(l.stage_date AS INT) AS days_in_stage
  FROM period p
  CROSS JOIN pool_invest_lead l
)
SELECT
  l.lead_no,
  l.lead_name,
  l.division_code,
  l.industry_code,
  l.stage_code,
  l.contract_wan,
  l.paid_in_wan,
  CASE
    WHEN l.contract_wan > 0
    THEN round(CAST(100 * l.paid_in_wan AS DOUBLE) / CAST(l.contract_wan AS DOUBLE), 2)
  END AS paid_in_pct,
  l.days_in_stage,
  CAST(l.register_date AS INT) - CAST(l.sign_date AS INT) AS sign_to_register_days,
  CAST(l.start_date AS INT) - CAST(l.register_date AS INT) AS register_to_start_days,
  e.status_code AS landed_status,
  t.tax_paid_12m,
  s.insured_now,
  u.qty_12m AS power_qty_12m,
  u.qty_growth_pct AS power_growth_pct,
  j.invested_pct AS project_invested_pct,
  l.stage_code IN ('3', '4') AND l.days_in_stage > 180 AS stalled,
  CASE WHEN l.register_date IS NOT NULL THEN 25 ELSE 0 END
  + CASE WHEN l.start_date IS NOT NULL THEN 25 ELSE 0 END
  + CASE WHEN l.contract_wan > 0 AND 10 * l.paid_in_wan >= 3 * l.contract_wan THEN 25 ELSE 0 END
  + CASE WHEN u.qty_12m > 0 AND t.tax_paid_12m > 0 THEN 25 ELSE 0 END AS fulfilment_index
FROM leads l
LEFT JOIN le_entity e ON e.uscc = l.landed_uscc
LEFT JOIN enterprise_tax t ON t.uscc = e.uscc
LEFT JOIN enterprise_insured s ON s.uscc = e.uscc
LEFT JOIN power u ON u.uscc = l.landed_uscc
LEFT JOIN projects j ON j.project_code = l.project_code
