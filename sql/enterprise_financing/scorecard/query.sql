-- Grain: one row per uscc, for every subject whose code begins with 9 (market entities).
-- Rule EF-1 adds points and is published with the data; it is no decision of a bank, and no
-- automatic decision may rest on it alone. 0 where a subject stands on a black list or is not in
-- normal operation (status 1).
--
--   operation  tax growth, and insured growth: >= 10 % 15, >= 0 10, >= -10 % 5, less or unknown 0
--   utility    power growth >= 0 10, >= -20 % 5; late months of all utilities 0 15, to 2 8, more 0,
--              8 where there is no bill
--   standing   age >= 36 months 10, >= 12 5; a valid licence 5; a bid won in 36 months 10
--   tax grade  A 20, B 15, M 10, C 5, D 0, unknown 8
--   deduction  5 for each penalty of 24 months, at most 20; 15 for abnormal operation
--   grade      A from 80, B from 65, C from 50, else D
WITH utilities AS (
  SELECT
    uscc,
    max(qty_growth_pct) FILTER (WHERE utility = 'power') AS power_growth_pct,
    sum(late_months_12m) AS late_months_12m
  FROM enterprise_financing.utility_stability
  GROUP BY uscc
),
points AS (
  SELECT
    e.uscc,
    e.status_code,
    coalesce(b.active_blacklists, 0) AS active_blacklists,
    CASE
      WHEN t.tax_growth_pct >= 10 THEN 15
      WHEN t.tax_growth_pct >= 0 THEN 10
      WHEN t.tax_growth_pct >= -10 THEN 5
      ELSE 0
    END
    + CASE
      WHEN s.insured_growth_pct >= 10 THEN 15
      WHEN s.insured_growth_pct >= 0 THEN 10
      WHEN s.insured_growth_pct >= -10 THEN 5
      ELSE 0
    END AS s_operation,
    CASE
      WHEN u.power_growth_pct >= 0 THEN 10
      WHEN u.power_growth_pct >= -20 THEN 5
      ELSE 0
    END
    + CASE
      WHEN u.late_months_12m IS NULL THEN 8
      WHEN u.late_months_12m = 0 THEN 15
      WHEN u.late_months_12m <= 2 THEN 8
      ELSE 0
    END AS s_utility,
    CASE
      WHEN e.age_months >= 36 THEN 10
      WHEN e.age_months >= 12 THEN 5
      ELSE 0
    END
    + CASE WHEN l.valid_licences >= 1 THEN 5 ELSE 0 END
    + CASE WHEN w.wins_36m >= 1 THEN 10 ELSE 0 END AS s_standing,
    CASE t.tax_credit_grade
      WHEN 'A' THEN 20
      WHEN 'B' THEN 15
      WHEN 'M' THEN 10
      WHEN 'C' THEN 5
      WHEN 'D' THEN 0
      ELSE 8
    END AS s_tax_grade,
    least(20, 5 * coalesce(n.penalties_24m, 0))
    + CASE WHEN a.active_abnormal > 0 THEN 15 ELSE 0 END AS deduction
  FROM market_entity e
  LEFT JOIN enterprise_tax t ON t.uscc = e.uscc
  LEFT JOIN enterprise_insured s ON s.uscc = e.uscc
  LEFT JOIN utilities u ON u.uscc = e.uscc
  LEFT JOIN enterprise_licences l ON l.uscc = e.uscc
  LEFT JOIN enterprise_bids w ON w.uscc = e.uscc
  LEFT JOIN enterprise_penalties n ON n.uscc = e.uscc
  LEFT JOIN enterprise_blacklists b ON b.uscc = e.uscc
  LEFT JOIN enterprise_abnormal a ON a.uscc = e.uscc
),
scored AS (
  SELECT
    uscc,
    s_operation,
    s_utility,
    s_standing,
    s_tax_grade,
    deduction,
    CASE
      WHEN active_blacklists > 0 OR status_code <> '1' THEN 0
      ELSE greatest(0, s_operation + s_utility + s_standing + s_tax_grade - deduction)
    END AS score
  FROM points
)
SELECT
  uscc,
  s_operation,
  s_utility,
  s_standing,
  s_tax_grade,
  deduction,
  score,
  CASE
    WHEN score >= 80 THEN 'A'
    WHEN score >= 65 THEN 'B'
    WHEN score >= 50 THEN 'C'
    ELSE 'D'
  END AS grade,
  'EF-1' AS rule_version
FROM scored
