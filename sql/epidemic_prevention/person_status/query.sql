-- Grain: one row per citizen_id, for everybody with a test, a case or an exposure.
-- Windows are inclusive at $as_of; a sample belongs to its day in Chongqing (+08:00).
-- Level: red for an open case or a positive newest test; orange under control or after a close
-- exposure in 14 days; yellow after any exposure or with a doubtful newest test; else green.
WITH days AS (
  SELECT
    CAST($as_of AS DATE) AS as_of,
    CAST(CAST($as_of AS DATE) - INTERVAL '7 days' AS DATE) AS week_ago,
    CAST(CAST($as_of AS DATE) - INTERVAL '14 days' AS DATE) AS fortnight_ago
),
samples AS (
  SELECT
    t.citizen_id,
    t.sample_time,
    t.result_code,
    CAST(t.sample_time + INTERVAL '8 hours' AS DATE) > p.week_ago AS is_of_week,
    row_number() OVER (
      PARTITION BY t.citizen_id ORDER BY t.sample_time DESC, t.sample_no DESC
    ) AS newest
  FROM days p
  CROSS JOIN pool_epi_test t
  WHERE CAST(t.sample_time + INTERVAL '8 hours' AS DATE) <= p.as_of
    AND t.citizen_id IS NOT NULL
),
tests AS (
  SELECT
    citizen_id,
    max(sample_time) FILTER (WHERE newest = 1) AS last_sample,
    max(result_code) FILTER (WHERE newest = 1) AS last_result,
    count(*) FILTER (WHERE is_of_week) AS tests_7d
  FROM samples
  GROUP BY citizen_id
),
exposures AS (
  SELECT
    x.contact_id AS citizen_id,
    count(DISTINCT x.case_no) FILTER (WHERE x.exposure = 'close') AS close_14d,
    count(DISTINCT x.case_no) AS any_14d
  FROM days p
  CROSS JOIN epidemic_prevention.exposure x
  WHERE x.service_date > p.fortnight_ago AND x.service_date <= p.as_of
  GROUP BY x.contact_id
),
cases AS (
  SELECT
    c.citizen_id,
    max(c.control_end) AS control_end,
    bool_or(
      c.case_type IN ('1', '2') AND (c.control_end IS NULL OR c.control_end >= p.as_of)
    ) AS is_active,
    bool_or(
      c.case_type IN ('3', '4', '5') AND (c.control_end IS NULL OR c.control_end >= p.as_of)
    ) AS is_under_control
  FROM days p
  CROSS JOIN pool_epi_case c
  WHERE c.citizen_id IS NOT NULL
  GROUP BY c.citizen_id
),
persons AS (
  SELECT
    citizen_id
  FROM tests
  UNION
  SELECT
    citizen_id
  FROM exposures
  UNION
  SELECT
    citizen_id
  FROM cases
)
SELECT
  i.citizen_id,
  t.last_sample,
  t.last_result,
  coalesce(t.tests_7d, 0) AS tests_7d,
  coalesce(x.close_14d, 0) AS close_exposures_14d,
  coalesce(x.any_14d, 0) AS exposures_14d,
  coalesce(c.is_under_control, FALSE) AS under_control,
  c.control_end,
  CASE
    WHEN coalesce(c.is_active, FALSE) OR t.last_result = '1' THEN 'red'
    WHEN coalesce(c.is_under_control, FALSE) OR coalesce(x.close_14d, 0) > 0 THEN 'orange'
    WHEN coalesce(x.any_14d, 0) > 0 OR t.last_result = '2' THEN 'yellow'
    ELSE 'green'
  END AS level
FROM persons i
LEFT JOIN tests t ON t.citizen_id = i.citizen_id
LEFT JOIN exposures x ON x.citizen_id = i.citizen_id
LEFT JOIN cases c ON c.citizen_id = i.citizen_id
