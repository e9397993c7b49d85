-- Penalties that stand, decided within 24 months before as_of or on its day.
-- Grain: one row per uscc with such a penalty. Kinds 3 and 4 are serious.
SELECT
  x.subject_code AS uscc,
  count(*) AS penalties_24m,
  count(*) FILTER (WHERE x.kind_code IN ('3', '4')) AS serious_penalties_24m,
  coalesce(sum(x.fine_wan), 0) AS fine_wan_24m
FROM period p
CROSS JOIN pool_penalty x
WHERE NOT x.revoked
  AND x.decide_date > CAST(p.as_of - INTERVAL '24 months' AS DATE)
  AND x.decide_date <= p.as_of
GROUP BY x.subject_code
