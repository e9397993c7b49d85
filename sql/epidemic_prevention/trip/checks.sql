-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_ticket (fail)
SELECT
  mode,
  ticket_no
FROM staged
GROUP BY
  mode,
  ticket_no
HAVING count(*) > 1;

-- check: arrives_after_departure (warn)
SELECT
  mode,
  ticket_no
FROM staged
WHERE arrive_time < depart_time;
