-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_case_and_ticket (fail)
SELECT
  case_no,
  ticket_no
FROM staged
GROUP BY
  case_no,
  mode,
  ticket_no
HAVING count(*) > 1;

-- check: within_the_window (fail)
SELECT
  s.case_no,
  s.service_date
FROM staged s
JOIN pool_epi_case c ON c.case_no = s.case_no
WHERE s.service_date > c.confirm_date
  OR s.service_date < CAST(c.confirm_date - INTERVAL '4 days' AS DATE);
