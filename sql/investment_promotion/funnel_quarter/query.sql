-- Grain: one row per division and quarter of signing. What became of the leads signed in it is as
-- the data say now; registered within 180 days counts from the day of signing.
WITH signed AS (
  SELECT
    division_code,
    CAST(date_trunc('quarter', sign_date) AS DATE) AS sign_quarter,
    contract_wan,
    paid_in_wan,
    stage_code,
    register_date,
    start_date,
    produce_date,
    CAST(register_date AS INT) - CAST(sign_date AS INT) <= 180 AS registered_in_time
  FROM pool_invest_lead
  WHERE sign_date IS NOT NULL AND division_code IS NOT NULL
)
SELECT
  division_code,
  sign_quarter,
  count(*) AS signed,
  sum(contract_wan) AS contract_wan,
  sum(paid_in_wan) AS paid_in_wan,
  count(register_date) AS registered,
  count(start_date) AS started,
  count(produce_date) AS producing,
  count(*) FILTER (WHERE stage_code = '7') AS dropped,
  round(
    CAST(100 * count(*) FILTER (WHERE registered_in_time) AS DOUBLE) / CAST(count(*) AS DOUBLE),
    2
  ) AS registered_180d_pct
FROM signed
GROUP BY division_code, sign_quarter
