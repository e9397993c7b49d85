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
JOIN pool_epi_case c ON c.case_no = s.case_no AND c.citizen_id = s.contact_id;

-- check: within_the_window (fail)
SELECT
  s.case_no,
  s.service_date
FROM staged s
JOIN pool_epi_case c ON c.case_no = s.case_no
WHERE s.service_date > c.confirm_date
  OR s.service_date < CAST(c.confirm_date - INTERVAL '4 days' AS DATE);

-- check: seat_has_a_row (warn)
SELECT
  case_no,
  seat_no
FROM staged
WHERE mode <> 'road' AND (seat_no IS NULL OR seat_no NOT SIMILAR TO '[0-9]+[A-Z]');
