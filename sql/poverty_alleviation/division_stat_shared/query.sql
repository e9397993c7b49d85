-- Grain: one row per division_code, the rows of division_stat. A group of 1 to one less than the
-- threshold is hidden, and so is what gives it away: the count of all others, of which households is
-- the total. A county with fewer households than the threshold shows none of its numbers.
-- High, medium and what is left (low or none) make up all households: where few are left, medium is
-- hidden with them.
WITH answered AS (
  SELECT
    division_code,
    count(*) FILTER (WHERE all_ok) AS all_ok,
    count(income_per_head) AS with_income
  FROM poverty_alleviation.household_profile
  WHERE division_code IS NOT NULL
  GROUP BY division_code
),
counts AS (
  SELECT
    s.division_code,
    s.households,
    s.persons,
    s.exited_households,
    s.income_per_head,
    s.all_ok_pct,
    s.high_risk_households,
    s.medium_risk_households,
    CAST($k_threshold AS BIGINT) AS k,
    coalesce(a.all_ok, 0) AS all_ok,
    coalesce(a.with_income, 0) AS with_income,
    s.households - s.high_risk_households - s.medium_risk_households AS left_over
  FROM poverty_alleviation.division_stat s
  LEFT JOIN answered a ON a.division_code = s.division_code
)
SELECT
  division_code,
  CASE WHEN households >= k THEN households END AS households,
  CASE WHEN households >= k THEN persons END AS persons,
  CASE
    WHEN households >= k
      AND (exited_households = 0 OR exited_households >= k)
      AND (exited_households = households OR households - exited_households >= k)
    THEN exited_households
  END AS exited_households,
  CASE WHEN with_income >= k THEN income_per_head END AS income_per_head,
  CASE
    WHEN households >= k
      AND (all_ok = 0 OR all_ok >= k)
      AND (all_ok = households OR households - all_ok >= k)
    THEN all_ok_pct
  END AS all_ok_pct,
  CASE
    WHEN households >= k
      AND (high_risk_households = 0 OR high_risk_households >= k)
      AND (high_risk_households = households OR households - high_risk_households >= k)
    THEN high_risk_households
  END AS high_risk_households,
  CASE
    WHEN households >= k
      AND (medium_risk_households = 0 OR medium_risk_households >= k)
      AND (medium_risk_households = households OR households - medium_risk_households >= k)
      AND (left_over = 0 OR left_over >= k)
    THEN medium_risk_households
  END AS medium_risk_households
FROM counts
