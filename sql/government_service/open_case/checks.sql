-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_case (fail)
SELECT
  case_no
FROM staged
GROUP BY case_no
HAVING count(*) > 1;

-- check: only_open_cases (fail)
SELECT
  s.case_no
FROM staged s
JOIN pool_gov_case c ON c.case_no = s.case_no
WHERE c.finish_time IS NOT NULL OR c.accept_time IS NULL;

-- check: light_follows_the_days_left (fail)
SELECT
  case_no
FROM staged
WHERE (light = 'green') <> (days_left > 1)
  OR (light = 'yellow') <> (days_left BETWEEN 0 AND 1)
  OR (light IS NULL AND days_left IS NOT NULL);

-- check: days_and_promise_are_known (warn)
SELECT
  case_no
FROM staged
WHERE light IS NULL;
