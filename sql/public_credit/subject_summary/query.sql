-- Grain: one row per registered subject.
-- Rule PC-1 takes points off 1000 and is published with the data; no automatic decision may rest
-- on it alone.
--
--   60 for each published penalty, at most 5      20 for each penalty of 36 months, at most 5
--   150 for abnormal operation                    600 for a black list
--   20 for each month of open arrears, at most 6  tax grade B 20, M or unknown 40, C 100, D 250
--   grade A from 950, B from 850, C from 700, else D; D on any black list
WITH records AS (
  SELECT
    r.subject_code AS uscc,
    count(*) FILTER (WHERE r.kind = 'permit' AND r.is_active) AS permits,
    count(*) FILTER (
      WHERE r.kind = 'penalty'
        AND r.event_date > CAST(p.as_of - INTERVAL '36 months' AS DATE)
        AND r.event_date <= p.as_of
    ) AS penalties_36m,
    count(*) FILTER (WHERE r.kind = 'penalty' AND r.is_active) AS penalties_published,
    count(*) FILTER (WHERE r.kind = 'blacklist' AND r.is_active) AS blacklists,
    count(*) FILTER (WHERE r.kind = 'abnormal' AND r.is_active) AS abnormal
  FROM period p
  CROSS JOIN public_credit.record r
  GROUP BY r.subject_code
),
arrears AS (
  SELECT
    uscc,
    sum(open_arrears_months) AS open_arrears_months
  FROM enterprise_financing.utility_stability
  GROUP BY uscc
),
subjects AS (
  SELECT
    e.uscc,
    e.name,
    e.division_code,
    e.status_code,
    coalesce(r.permits, 0) AS permits,
    coalesce(r.penalties_36m, 0) AS penalties_36m,
    coalesce(r.penalties_published, 0) AS penalties_published,
    coalesce(r.blacklists, 0) AS blacklists,
    coalesce(r.abnormal, 0) AS abnormal,
    coalesce(u.open_arrears_months, 0) AS open_arrears_months,
    CASE WHEN substr(e.uscc, 1, 1) = '9' THEN t.tax_credit_grade END AS tax_credit_grade
  FROM le_entity e
  LEFT JOIN records r ON r.uscc = e.uscc
  LEFT JOIN arrears u ON u.uscc = e.uscc
  LEFT JOIN enterprise_tax t ON t.uscc = e.uscc
),
scored AS (
  SELECT
    uscc,
    name,
    division_code,
    status_code,
    permits,
    penalties_36m,
    penalties_published,
    blacklists,
    abnormal,
    open_arrears_months,
    tax_credit_grade,
    1000
    - 60 * least(penalties_published, 5)
    - 20 * least(penalties_36m, 5)
    - 150 * least(abnormal, 1)
    - 600 * least(blacklists, 1)
    - 20 * least(open_arrears_months, 6)
    - CASE tax_credit_grade
      WHEN 'A' THEN 0
      WHEN 'B' THEN 20
      WHEN 'M' THEN 40
      WHEN 'C' THEN 100
      WHEN 'D' THEN 250
      ELSE 40
    END AS score
  FROM subjects
)
SELECT
  uscc,
  name,
  division_code,
  status_code,
  permits,
  penalties_36m,
  penalties_published,
  blacklists,
  abnormal,
  open_arrears_months,
  tax_credit_grade,
  score,
  CASE
    WHEN blacklists > 0 THEN 'D'
    WHEN score >= 950 THEN 'A'
    WHEN score >= 850 THEN 'B'
    WHEN score >= 700 THEN 'C'
    ELSE 'D'
  END AS grade,
  'PC-1' AS rule_version
FROM scored
