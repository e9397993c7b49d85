-- Entries in the list of abnormal operation that last: in_date <= as_of < out_date.
-- Grain: one row per uscc with such an entry.
SELECT
  x.uscc,
  count(*) AS active_abnormal
FROM period p
CROSS JOIN pool_abnormal x
WHERE x.in_date <= p.as_of AND (x.out_date IS NULL OR x.out_date > p.as_of)
GROUP BY x.uscc
