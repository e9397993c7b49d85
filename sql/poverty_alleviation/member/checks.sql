-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_member (fail)
SELECT
  hh_no,
  citizen_id
FROM staged
GROUP BY
  hh_no,
  citizen_id
HAVING count(*) > 1;

-- check: every_member_has_a_row (fail)
SELECT
  m.hh_no,
  m.citizen_id
FROM pool_pov_member m
LEFT JOIN staged s ON s.hh_no = m.hh_no AND s.citizen_id = m.citizen_id
WHERE s.hh_no IS NULL;

-- check: born_by_as_of (warn)
SELECT
  hh_no,
  citizen_id
FROM staged
WHERE age < 0;

-- check: known_to_the_register_of_persons (warn)
SELECT
  hh_no,
  citizen_id
FROM staged
WHERE age IS NULL;
