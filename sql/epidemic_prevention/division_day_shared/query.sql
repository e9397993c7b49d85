-- Grain: one row per division_code and d, the rows of division_day. Counts from 1 to one less than
-- the threshold are hidden, as few persons of a county and a day may be recognised. There are no
-- totals from which a hidden count could be reckoned.
SELECT
  division_code,
  d,
  CASE WHEN arrivals = 0 OR arrivals >= CAST($k_threshold AS BIGINT) THEN arrivals END AS arrivals,
  CASE
    WHEN confirmed = 0 OR confirmed >= CAST($k_threshold AS BIGINT) THEN confirmed
  END AS confirmed,
  CASE
    WHEN asymptomatic = 0 OR asymptomatic >= CAST($k_threshold AS BIGINT) THEN asymptomatic
  END AS asymptomatic
FROM epidemic_prevention.division_day
