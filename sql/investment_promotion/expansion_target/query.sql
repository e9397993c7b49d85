-- Grain: one row per uscc that is worth asking whether it expands: in normal operation, power use
-- up by 20 % and insured employees by 10 % or more, on no black list and not in abnormal operation,
-- and a live lead (stages 1 to 5) of its two-digit industry in its division.
WITH live_leads AS (
  SELECT
    division_code,
    substr(industry_code, 1, 2) AS industry2
  FROM pool_invest_lead
  WHERE stage_code IN ('1', '2', '3', '4', '5')
  GROUP BY division_code, substr(industry_code, 1, 2)
),
power AS (
  SELECT
    uscc,
    qty_growth_pct
  FROM enterprise_financing.utility_stability
  WHERE utility = 'power'
)
SELECT
  e.uscc,
  e.name,
  e.division_code,
  l.industry2,
  u.qty_growth_pct AS power_growth_pct,
  s.insured_growth_pct,
  t.tax_growth_pct
FROM market_entity e
JOIN live_leads l
  ON l.division_code = e.division_code AND l.industry2 = substr(e.industry_code, 1, 2)
JOIN power u ON u.uscc = e.uscc
JOIN enterprise_insured s ON s.uscc = e.uscc
LEFT JOIN enterprise_tax t ON t.uscc = e.uscc
LEFT JOIN enterprise_blacklists b ON b.uscc = e.uscc
LEFT JOIN enterprise_abnormal a ON a.uscc = e.uscc
WHERE e.status_code = '1'
  AND u.qty_growth_pct >= 20
  AND s.insured_growth_pct >= 10
  AND b.uscc IS NULL
  AND a.uscc IS NULL
