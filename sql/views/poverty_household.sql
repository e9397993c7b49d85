-- Registered poor households on $as_of: members, income of the last calendar year, and the two
-- assurances (food, clothing), three guarantees (school, medicine, housing) and drinking water.
-- Grain: one row per hh_no, for every household with a living member.
-- Income is compared as net >= line * members, in decimals, so that no rounding decides.
WITH members AS (
  SELECT
    hh_no,
    count(*) AS members,
    count(*) FILTER (WHERE labour_code IN ('1', '2')) AS labourers,
    count(*) FILTER (WHERE age BETWEEN 6 AND 15) AS school_age,
    count(*) FILTER (
      WHERE age BETWEEN 6 AND 15 AND (dropout OR school_stage IS NULL OR school_stage = '0')
    ) AS school_age_out,
    count(*) FILTER (WHERE NOT medical_insured) AS uninsured,
    count(*) FILTER (WHERE low_income) AS low_income_members,
    count(*) FILTER (WHERE disability_grade IS NOT NULL) AS disabled,
    count(*) FILTER (WHERE health_code IN ('3', '6')) AS ill
  FROM poverty_member
  WHERE is_alive
  GROUP BY hh_no
),
last_year AS (
  SELECT
    hh_no,
    transfer,
    wage + business + property + transfer - cost AS net
  FROM pool_pov_income
  WHERE year = date_part('year', CAST($as_of AS DATE)) - 1
),
judged AS (
  SELECT
    h.hh_no,
    substr(h.division12, 1, 6) AS division_code,
    h.division12,
    h.attr_code,
    h.monitor_type,
    h.cause1,
    h.identify_date,
    h.exit_date,
    m.members,
    m.labourers,
    m.school_age,
    m.ill,
    m.disabled,
    m.low_income_members,
    i.net,
    i.transfer,
    i.net >= CAST($pov_line AS DECIMAL(18, 2)) * m.members AS food_clothing_ok,
    m.school_age_out = 0 AS education_ok,
    m.uninsured = 0 AS medical_ok,
    h.house_grade IN ('A', 'B') AS housing_ok,
    h.water_ok
  FROM pool_pov_household h
  JOIN members m ON m.hh_no = h.hh_no
  LEFT JOIN last_year i ON i.hh_no = h.hh_no
)
SELECT
  hh_no,
  division_code,
  division12,
  attr_code,
  monitor_type,
  cause1,
  identify_date,
  exit_date,
  members,
  labourers,
  school_age,
  ill,
  disabled,
  low_income_members,
  round(CAST(net AS DOUBLE) / CAST(members AS DOUBLE), 2) AS income_per_head,
  CASE
    WHEN net <> 0 THEN round(100 * CAST(transfer AS DOUBLE) / CAST(net AS DOUBLE), 2)
  END AS transfer_share_pct,
  food_clothing_ok,
  education_ok,
  medical_ok,
  housing_ok,
  water_ok,
  coalesce(food_clothing_ok, FALSE)
    AND education_ok
    AND medical_ok
    AND coalesce(housing_ok, FALSE)
    AND coalesce(water_ok, FALSE) AS all_ok
FROM judged
