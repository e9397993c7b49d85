-- Grain: one row per division and year of foundation. Only market entities founded at least 36
-- months before as_of are counted, so that all three shares have the same base. An entity is alive
-- after n months when it was neither cancelled nor revoked up to and including that day.
WITH entities AS (
  SELECT
    e.division_code,
    e.found_date,
    CAST(date_part('year', e.found_date) AS INT) AS cohort_year,
    coalesce(e.cancel_date, e.revoke_date) AS end_date,
    CAST(e.found_date + INTERVAL '12 months' AS DATE) AS after_12m,
    CAST(e.found_date + INTERVAL '24 months' AS DATE) AS after_24m,
    CAST(e.found_date + INTERVAL '36 months' AS DATE) AS after_36m
  FROM le_entity e
  WHERE substr(e.uscc, 1, 1) = '9' AND e.division_code IS NOT NULL
)
SELECT
  e.division_code,
  e.cohort_year,
  count(*) AS founded,
  count(*) FILTER (WHERE e.end_date IS NULL OR e.end_date > e.after_12m) AS alive_12m,
  count(*) FILTER (WHERE e.end_date IS NULL OR e.end_date > e.after_24m) AS alive_24m,
  count(*) FILTER (WHERE e.end_date IS NULL OR e.end_date > e.after_36m) AS alive_36m
FROM period p
CROSS JOIN entities e
WHERE e.after_36m <= p.as_of
GROUP BY e.division_code, e.cohort_year
