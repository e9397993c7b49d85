-- Grain: one row per division_code (county), for every county with a registered household.
-- Income per head is that of the persons whose household has reported an income.
SELECT
  f.division_code,
  count(*) AS households,
  sum(f.members) AS persons,
  count(*) FILTER (WHERE f.exit_date <= CAST($as_of AS DATE)) AS exited_households,
  CASE
    WHEN sum(f.members) FILTER (WHERE f.income_per_head IS NOT NULL) > 0
    THEN round(
      CAST(sum(CAST(f.income_per_head AS DECIMAL(18, 2)) * f.members) AS DOUBLE)
      / sum(f.members) FILTER (WHERE f.income_per_head IS NOT NULL),
      2
    )
  END AS income_per_head,
  round(100 * CAST(count(*) FILTER (WHERE f.all_ok) AS DOUBLE) / count(*), 2) AS all_ok_pct,
  count(*) FILTER (WHERE r.risk_level = 'high') AS high_risk_households,
  count(*) FILTER (WHERE r.risk_level = 'medium') AS medium_risk_households
FROM poverty_alleviation.household_profile f
JOIN poverty_alleviation.return_risk r
  ON r.hh_no = f.hh_no AND r.division_code = f.division_code
WHERE f.division_code IS NOT NULL
GROUP BY f.division_code
