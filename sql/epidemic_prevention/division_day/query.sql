-- Grain: one row per division_code and d, for every day with an arrival in a county of the city or
-- with a person whose case was decided on that day. Arrivals are trips that end at a station of
-- the county, on the date of the service.
WITH arrivals AS (
  SELECT
    alight_division AS division_code,
    service_date AS d,
    count(*) AS arrivals
  FROM epidemic_prevention.trip
  WHERE alight_division IS NOT NULL AND service_date IS NOT NULL
  GROUP BY
    alight_division,
    service_date
),
cases AS (
  SELECT
    substr(division_code, 1, 6) AS division_code,
    confirm_date AS d,
    count(*) FILTER (WHERE case_type = '1') AS confirmed,
    count(*) FILTER (WHERE case_type = '2') AS asymptomatic
  FROM pool_epi_case
  WHERE division_code IS NOT NULL AND confirm_date IS NOT NULL
  GROUP BY
    substr(division_code, 1, 6),
    confirm_date
)
SELECT
  coalesce(a.division_code, c.division_code) AS division_code,
  coalesce(a.d, c.d) AS d,
  coalesce(a.arrivals, 0) AS arrivals,
  coalesce(c.confirmed, 0) AS confirmed,
  coalesce(c.asymptomatic, 0) AS asymptomatic
FROM arrivals a
FULL OUTER JOIN cases c ON c.division_code = a.division_code AND c.d = a.d
