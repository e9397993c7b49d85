-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_contact_and_service (fail)
SELECT
  case_no,
  contact_id
FROM staged
GROUP BY
  case_no,
  contact_id,
  mode,
  service_no,
  service_date
HAVING count(*) > 1;

-- check: nobody_is_a_contact_of_oneself (fail)
SELECT
  s.case_no
FROM staged s
JOIN epidemic_prevention.case_trip c
  ON c.case_no = s.case_no AND c.citizen_id = s.contact_id;

-- check: on_a_service_of_the_case (fail)
SELECT
  s.case_no,
  s.service_no
FROM staged s
LEFT JOIN epidemic_prevention.case_trip c
  ON c.case_no = s.case_no
  AND c.mode = s.mode
  AND c.service_no = s.service_no
  AND c.service_date = s.service_date
WHERE c.case_no IS NULL;

-- check: seat_has_a_row (warn)
SELECT
  case_no,
  seat_no
FROM staged
WHERE mode <> 'road' AND (seat_no IS NULL OR seat_no NOT SIMILAR TO '[0-9]+[A-Z]');
