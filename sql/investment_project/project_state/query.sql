-- Grain: one row per project_code, for every project.
-- Money up to the last complete month; shares are null where there is nothing to divide by.
WITH steps AS (
  SELECT
    project_code,
    count(*) AS steps,
    count(*) FILTER (WHERE is_done) AS steps_done,
    count(*) FILTER (WHERE is_overdue) AS steps_overdue,
    count(*) FILTER (WHERE is_overdue AND NOT is_done) AS steps_overdue_open,
    max(stage) AS stage_reached,
    -- A step that could not be counted leaves the sum unknown.
    CASE WHEN count(*) = count(used_workdays) THEN sum(used_workdays) END AS approval_workdays
  FROM approval_step
  GROUP BY project_code
),
progress AS (
  SELECT
    m.project_code,
    sum(m.invested_wan) AS invested_wan,
    sum(m.invested_wan) FILTER (
      WHERE date_part('year', m.stat_month) = date_part('year', p.as_of)
    ) AS invested_ytd_wan,
    sum(m.plan_wan) FILTER (
      WHERE date_part('year', m.stat_month) = date_part('year', p.as_of)
    ) AS plan_ytd_wan
  FROM period p
  CROSS JOIN pool_project_month m
  WHERE m.stat_month < p.m_cur
  GROUP BY m.project_code
),
awards AS (
  SELECT
    section_no,
    sum(award_wan) AS award_wan
  FROM prt_bid
  WHERE is_winner
  GROUP BY section_no
),
trade AS (
  SELECT
    x.project_code,
    count(*) AS sections,
    count(*) FILTER (WHERE x.status_code = '3') AS sections_awarded,
    sum(a.award_wan) AS awarded_wan
  FROM prt_section x
  LEFT JOIN awards a ON a.section_no = x.section_no
  WHERE x.project_code IS NOT NULL
  GROUP BY x.project_code
)
SELECT
  j.project_code,
  j.project_name,
  j.owner_uscc,
  j.project_type,
  j.industry_code,
  j.division_code,
  j.state_code,
  j.is_major,
  j.total_wan,
  coalesce(s.steps, 0) AS steps,
  coalesce(s.steps_done, 0) AS steps_done,
  coalesce(s.steps_overdue, 0) AS steps_overdue,
  coalesce(s.steps_overdue_open, 0) AS steps_overdue_open,
  s.stage_reached,
  s.approval_workdays,
  coalesce(g.invested_wan, CAST(0 AS DECIMAL(28, 2))) AS invested_wan,
  CASE
    WHEN j.total_wan <> 0
    THEN round(100 * CAST(coalesce(g.invested_wan, 0) AS DOUBLE) / CAST(j.total_wan AS DOUBLE), 2)
  END AS invested_pct,
  CASE
    WHEN g.plan_ytd_wan <> 0
    THEN round(100 * CAST(g.invested_ytd_wan AS DOUBLE) / CAST(g.plan_ytd_wan AS DOUBLE), 2)
  END AS ytd_completion_pct,
  coalesce(t.sections, 0) AS sections,
  coalesce(t.sections_awarded, 0) AS sections_awarded,
  CAST(t.awarded_wan AS DECIMAL(38, 4)) AS awarded_wan,
  CASE
    WHEN coalesce(j.actual_start, p.as_of) > j.plan_start
    THEN CAST(CAST(coalesce(j.actual_start, p.as_of) AS INT) - CAST(j.plan_start AS INT) AS BIGINT)
    ELSE 0
  END AS start_delay_days,
  CASE
    WHEN coalesce(j.actual_end, p.as_of) > j.plan_end
    THEN CAST(CAST(coalesce(j.actual_end, p.as_of) AS INT) - CAST(j.plan_end AS INT) AS BIGINT)
    ELSE 0
  END AS finish_delay_days
FROM period p
CROSS JOIN pool_project j
LEFT JOIN steps s ON s.project_code = j.project_code
LEFT JOIN progress g ON g.project_code = j.project_code
LEFT JOIN trade t ON t.project_code = j.project_code
