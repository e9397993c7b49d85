-- What speaks for a household's return to poverty on $as_of: rules R1 to R7, and the level.
-- Grain: one row per hh_no, for every registered household with a living member. What is not known
-- is no finding.
WITH own_share AS (
  SELECT
    m.hh_no,
    sum(b.self_paid) AS self_paid
  FROM pool_medical_bill b
  JOIN pool_pov_member m ON m.citizen_id = b.citizen_id
  WHERE b.settle_date > CAST(CAST($as_of AS DATE) - INTERVAL '12 months' AS DATE)
    AND b.settle_date <= CAST($as_of AS DATE)
  GROUP BY m.hh_no
),
wages AS (
  SELECT
    hh_no,
    max(wage) FILTER (WHERE year = date_part('year', CAST($as_of AS DATE)) - 1) AS last_year,
    max(wage) FILTER (WHERE year = date_part('year', CAST($as_of AS DATE)) - 2) AS year_before
  FROM pool_pov_income
  GROUP BY hh_no
),
power AS (
  SELECT
    h.hh_no,
    count(*) AS bills,
    sum(b.qty) AS qty
  FROM period p
  CROSS JOIN pool_pov_household h
  JOIN power_bill b ON b.account_no = h.power_account
  WHERE b.bill_month >= CAST(p.m_cur - INTERVAL '3 months' AS DATE) AND b.bill_month < p.m_cur
  GROUP BY h.hh_no
),
rules AS (
  SELECT
    f.hh_no,
    f.division_code,
    f.exit_date,
    f.monitor_type,
    f.income_per_head,
    CAST(coalesce(s.self_paid, 0) AS DOUBLE) AS self_paid_12m,
    coalesce(NOT f.food_clothing_ok, FALSE) AS r1_income,
    coalesce(s.self_paid, 0) >= CAST($medical_line AS DECIMAL(18, 2)) AS r2_medical,
    NOT f.education_ok AS r3_school,
    coalesce(NOT f.housing_ok, FALSE) AS r4_house,
    coalesce(NOT f.water_ok, FALSE) AS r5_water,
    coalesce(p.bills >= 2 AND p.qty <= 3, FALSE) AS r6_no_power_use,
    coalesce(w.year_before > 0 AND w.last_year * 2 < w.year_before, FALSE) AS r7_wage_drop
  FROM poverty_alleviation.household_profile f
  LEFT JOIN own_share s ON s.hh_no = f.hh_no
  LEFT JOIN wages w ON w.hh_no = f.hh_no
  LEFT JOIN power p ON p.hh_no = f.hh_no
),
counted AS (
  SELECT
    hh_no,
    division_code,
    exit_date,
    monitor_type,
    income_per_head,
    self_paid_12m,
    r1_income,
    r2_medical,
    r3_school,
    r4_house,
    r5_water,
    r6_no_power_use,
    r7_wage_drop,
    CAST(r1_income AS INT)
      + CAST(r2_medical AS INT)
      + CAST(r3_school AS INT)
      + CAST(r4_house AS INT)
      + CAST(r5_water AS INT)
      + CAST(r6_no_power_use AS INT)
      + CAST(r7_wage_drop AS INT) AS risk_count
  FROM rules
)
SELECT
  hh_no,
  division_code,
  exit_date,
  monitor_type,
  income_per_head,
  self_paid_12m,
  r1_income,
  r2_medical,
  r3_school,
  r4_house,
  r5_water,
  r6_no_power_use,
  r7_wage_drop,
  risk_count,
  CASE
    WHEN r1_income OR r3_school OR r4_house OR risk_count >= 3 THEN 'high'
    WHEN risk_count = 2 THEN 'medium'
    WHEN risk_count = 1 THEN 'low'
    ELSE 'none'
  END AS risk_level,
  CASE
    WHEN r1_income AND exit_date IS NOT NULL THEN '1'
    WHEN r1_income THEN '2'
    WHEN r2_medical THEN '3'
  END AS suggested_monitor_type
FROM counted
