-- Market entities (subjects whose code begins with 9) and their age in full months at as_of.
-- Grain: one row per uscc. A month is full when its day of foundation is reached.
SELECT
  e.uscc,
  e.name,
  e.entity_type,
  e.status_code,
  e.division_code,
  e.industry_code,
  e.found_date,
  CAST(
    (date_part('year', p.as_of) - date_part('year', e.found_date)) * 12
    + date_part('month', p.as_of) - date_part('month', e.found_date)
    - CASE WHEN date_part('day', p.as_of) < date_part('day', e.found_date) THEN 1 ELSE 0 END
    AS INT
  ) AS age_months,
  e.reg_capital_wan
FROM period p
CROSS JOIN le_entity e
WHERE substr(e.uscc, 1, 1) = '9'
