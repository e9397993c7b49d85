-- Members of registered poor households with their age on $as_of, in full years.
-- Grain: one row per hh_no and citizen_id. Somebody whom the register of persons does not know
-- has no age and counts as living.
SELECT
  m.hh_no,
  m.citizen_id,
  m.relation_code,
  m.health_code,
  m.labour_code,
  m.school_stage,
  m.dropout,
  m.medical_insured,
  m.pension_insured,
  m.low_income,
  m.disability_grade,
  CAST(
    date_part('year', CAST($as_of AS DATE)) - date_part('year', n.birth_date)
    - CASE
      WHEN date_part('month', CAST($as_of AS DATE)) * 100 + date_part('day', CAST($as_of AS DATE))
        < date_part('month', n.birth_date) * 100 + date_part('day', n.birth_date)
      THEN 1
      ELSE 0
    END
    AS INT
  ) AS age,
  coalesce(n.is_alive, TRUE) AS is_alive
FROM pool_pov_member m
LEFT JOIN np_person n ON n.citizen_id = m.citizen_id
