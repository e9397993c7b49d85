-- Grain: one row per subject_code, for every applicant of the last 12 months and every holder of a
-- licence. A licence is valid with status 01 within its term; an open end never expires.
WITH days AS (
  SELECT
    CAST($as_of AS DATE) AS as_of,
    CAST(CAST($as_of AS DATE) - INTERVAL '12 months' AS DATE) AS since
),
cases AS (
  SELECT
    c.applicant_code AS subject_code,
    count(*) AS cases_12m,
    count(*) FILTER (WHERE c.result_code = '1') AS granted_12m,
    max(c.apply_time) AS last_apply
  FROM days p
  CROSS JOIN pool_gov_case c
  WHERE CAST(c.apply_time + INTERVAL '8 hours' AS DATE) > p.since
    AND CAST(c.apply_time + INTERVAL '8 hours' AS DATE) <= p.as_of
    AND c.applicant_code IS NOT NULL
  GROUP BY c.applicant_code
),
licences AS (
  SELECT
    l.holder_code AS subject_code,
    count(*) FILTER (
      WHERE l.status_code = '01'
        AND (l.valid_from IS NULL OR l.valid_from <= p.as_of)
        AND (l.valid_to IS NULL OR l.valid_to >= p.as_of)
    ) AS valid_licences,
    min(l.valid_to) FILTER (WHERE l.status_code = '01' AND l.valid_to >= p.as_of) AS next_expiry
  FROM days p
  CROSS JOIN lic_licence l
  WHERE l.holder_code IS NOT NULL
  GROUP BY l.holder_code
)
SELECT
  coalesce(c.subject_code, l.subject_code) AS subject_code,
  coalesce(c.cases_12m, 0) AS cases_12m,
  coalesce(c.granted_12m, 0) AS granted_12m,
  c.last_apply,
  coalesce(l.valid_licences, 0) AS valid_licences,
  l.next_expiry
FROM cases c
FULL OUTER JOIN licences l ON l.subject_code = c.subject_code
