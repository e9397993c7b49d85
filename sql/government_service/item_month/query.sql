-- Grain: one row per item_code, division_code and finish_month, for every month in which a case of
-- the item was finished there. Days and the share in time are null where a case of the month could
-- not be counted; the share of bad ratings where nobody rated (1 and 2 of 5 are bad).
SELECT
  item_code,
  division_code,
  CAST(date_trunc('month', finish_date) AS DATE) AS finish_month,
  count(*) AS finished,
  count(*) FILTER (WHERE result_code = '1') AS granted,
  CASE
    WHEN count(*) = count(used_workdays)
    THEN round(CAST(sum(used_workdays) AS DOUBLE) / count(*), 2)
  END AS avg_workdays,
  max(promise_days) AS promise_days,
  CASE
    WHEN count(*) = count(used_workdays)
    THEN round(
      100 * CAST(count(*) FILTER (WHERE used_workdays <= promise_days) AS DOUBLE) / count(*),
      2
    )
  END AS on_time_pct,
  round(100 * CAST(count(*) FILTER (WHERE is_online) AS DOUBLE) / count(*), 2) AS online_pct,
  CASE
    WHEN count(rating) > 0
    THEN round(100 * CAST(count(*) FILTER (WHERE rating <= 2) AS DOUBLE) / count(rating), 2)
  END AS bad_rating_pct,
  count(rating) AS rated,
  sum(licences_reused) AS licences_reused
FROM government_case
WHERE finish_time IS NOT NULL AND division_code IS NOT NULL
GROUP BY
  item_code,
  division_code,
  CAST(date_trunc('month', finish_date) AS DATE)
