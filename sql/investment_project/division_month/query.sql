-- Grain: one row per division_code and stat_month, for every month with a report of a project
-- that is built there.
WITH months AS (
  SELECT
    j.division_code,
    m.stat_month,
    -- A project reports once a month: the key of the input.
    count(*) AS projects,
    sum(m.invested_wan) AS invested_wan,
    sum(m.plan_wan) AS plan_wan
  FROM pool_project_month m
  JOIN pool_project j ON j.project_code = m.project_code
  WHERE j.division_code IS NOT NULL
  GROUP BY
    j.division_code,
    m.stat_month
)
SELECT
  division_code,
  stat_month,
  projects,
  invested_wan,
  plan_wan,
  CASE
    WHEN plan_wan <> 0
    THEN round(100 * CAST(invested_wan AS DOUBLE) / CAST(plan_wan AS DOUBLE), 2)
  END AS completion_pct
FROM months
