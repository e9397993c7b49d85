-- Lists of the seriously untrustworthy that a subject stands on: in_date <= as_of < out_date.
-- Grain: one row per uscc on a list. Two cases on one list count once.
SELECT
  x.subject_code AS uscc,
  count(DISTINCT x.list_code) AS active_blacklists
FROM period p
CROSS JOIN pool_blacklist x
WHERE x.in_date <= p.as_of AND (x.out_date IS NULL OR x.out_date > p.as_of)
GROUP BY x.subject_code
