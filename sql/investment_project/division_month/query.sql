-- Grain: one row per division_code and stat_month, for every month with a report of a project
-- that is built there.
SELECT
  j.division_code,
  m.stat_month,
  count(DISTINCT m.project_code) AS projects,
  sum(m.invested_wan) AS invested_wan,
  sum(m.plan_wan) AS plan_wan,
  CASE
    WHEN sum(m.plan_wan) <> 0
    THEN round(100 * CAST(sum(m.invested_wan) AS DOUBLE) / CAST(sum(m.plan_wan) AS DOUBLE), 2)
  END AS completion_pct
FROM pool_project_month m
JOIN pool_project j ON j.project_code = m.project_code
GROUP BY
  j.division_code,
  m.stat_month
