-- Grain: one row per uscc, for every subject whose code begins with 9 (market entities).
-- Day windows are inclusive at as_of; an amount is null, not 0, where nothing was reported.
WITH ranked_reports AS (
  SELECT
    uscc,
    report_year,
    total_assets_wan,
    revenue_wan,
    net_profit_wan,
    employees,
    row_number() OVER (PARTITION BY uscc ORDER BY report_year DESC) AS newest
  FROM le_annual_report
),
capital AS (
  SELECT
    uscc,
    count(*) AS shareholders,
    sum(subscribed_wan) AS subscribed_wan,
    sum(paid_wan) AS paid_wan
  FROM le_shareholder
  GROUP BY uscc
)
SELECT
  e.uscc,
  e.name,
  e.entity_type,
  e.status_code,
  e.division_code,
  e.industry_code,
  i.section AS industry_section,
  e.found_date,
  e.age_months,
  e.reg_capital_wan,
  c.shareholders,
  c.paid_wan AS paid_in_wan,
  CASE
    WHEN c.subscribed_wan > 0
    THEN round(CAST(100 * c.paid_wan AS DOUBLE) / CAST(c.subscribed_wan AS DOUBLE), 2)
  END AS paid_in_pct,
  r.report_year AS last_report_year,
  r.total_assets_wan,
  r.revenue_wan,
  r.net_profit_wan,
  r.employees AS reported_employees,
  coalesce(l.valid_licences, 0) AS valid_licences,
  coalesce(l.licences_expiring_90d, 0) AS licences_expiring_90d,
  coalesce(l.licences_lapsed, 0) AS licences_lapsed
FROM market_entity e
LEFT JOIN enterprise_licences l ON l.uscc = e.uscc
LEFT JOIN ranked_reports r ON r.uscc = e.uscc AND r.newest = 1
LEFT JOIN capital c ON c.uscc = e.uscc
LEFT JOIN industry i ON i.code = substr(e.industry_code, 1, 2) AND i.level = 2
