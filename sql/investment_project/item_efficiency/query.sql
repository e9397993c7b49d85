-- Grain: one row per item_code, dept_uscc, stage and finish_month, for every month in which a step
-- of them was finished. The 90th percentile is interpolated between ranks. Days and rates are null
-- where a step of the month could not be counted.
SELECT
  item_code,
  dept_uscc,
  stage,
  CAST(date_trunc('month', finish_date) AS DATE) AS finish_month,
  count(*) AS finished,
  CASE
    WHEN count(*) = count(used_workdays)
    THEN round(CAST(sum(used_workdays) AS DOUBLE) / count(*), 2)
  END AS avg_workdays,
  CASE
    WHEN count(*) = count(used_workdays)
    THEN round(
      percentile_cont(0.9) WITHIN GROUP (ORDER BY CAST(used_workdays AS DOUBLE)),
      2
    )
  END AS p90_workdays,
  round(CAST(sum(promise_days) AS DOUBLE) / count(*), 2) AS avg_promise_days,
  CASE
    WHEN count(*) = count(is_overdue)
    THEN round(100 * CAST(count(*) FILTER (WHERE NOT is_overdue) AS DOUBLE) / count(*), 2)
  END AS on_time_pct
FROM approval_step
WHERE is_done
  AND item_code IS NOT NULL
  AND dept_uscc IS NOT NULL
  AND stage IS NOT NULL
GROUP BY
  item_code,
  dept_uscc,
  stage,
  CAST(date_trunc('month', finish_date) AS DATE)
