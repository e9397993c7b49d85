-- Licences in force, about to end and past their end, at as_of.
-- Grain: one row per uscc that holds a licence marked valid. A licence without an end is open;
-- one past its end that is still marked valid is a finding for its issuer.
WITH windows AS (
  SELECT
    as_of,
    CAST(as_of + INTERVAL '90 days' AS DATE) AS expiring_by
  FROM period
)
SELECT
  l.holder_code AS uscc,
  count(*) FILTER (
    WHERE (l.valid_from IS NULL OR l.valid_from <= w.as_of)
      AND (l.valid_to IS NULL OR l.valid_to >= w.as_of)
  ) AS valid_licences,
  count(*) FILTER (
    WHERE l.valid_to >= w.as_of AND l.valid_to <= w.expiring_by
  ) AS licences_expiring_90d,
  count(*) FILTER (WHERE l.valid_to < w.as_of) AS licences_lapsed
FROM windows w
CROSS JOIN lic_licence l
WHERE l.holder_code_type = '001' AND l.status_code = '01'
GROUP BY l.holder_code
