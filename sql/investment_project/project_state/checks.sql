-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_project (fail)
SELECT
  project_code
FROM staged
GROUP BY project_code
HAVING count(*) > 1;

-- check: every_project_has_a_row (fail)
SELECT
  j.project_code
FROM pool_project j
LEFT JOIN staged s ON s.project_code = j.project_code
WHERE s.project_code IS NULL;

-- check: parts_are_within_the_whole (fail)
SELECT
  project_code
FROM staged
WHERE steps_done > steps
  OR steps_overdue > steps
  OR steps_overdue_open > steps_overdue
  OR steps_overdue_open > steps - steps_done
  OR sections_awarded > sections
  OR start_delay_days < 0
  OR finish_delay_days < 0;

-- check: step_belongs_to_a_project (warn)
SELECT
  x.project_code,
  x.step_no
FROM pool_project_step x
LEFT JOIN staged s ON s.project_code = x.project_code
WHERE s.project_code IS NULL;

-- check: invested_within_the_total (warn)
SELECT
  project_code
FROM staged
WHERE invested_pct > 150;
