-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_uscc (fail)
SELECT
  uscc
FROM staged
GROUP BY uscc
HAVING count(*) > 1;

-- check: every_subject_has_a_row (fail)
SELECT
  e.uscc
FROM le_entity e
LEFT JOIN staged s ON s.uscc = e.uscc
WHERE s.uscc IS NULL;

-- check: score_keeps_to_its_range (fail)
SELECT
  uscc
FROM staged
WHERE score IS NULL OR score > 1000 OR score < 1000 - 300 - 100 - 150 - 600 - 120 - 250;

-- check: a_black_list_means_d (fail)
SELECT
  uscc
FROM staged
WHERE blacklists > 0 AND grade <> 'D';

-- check: grade_a_is_clean (fail)
SELECT
  uscc
FROM staged
WHERE grade = 'A' AND (abnormal > 0 OR tax_credit_grade = 'D');

-- check: penalties_are_plausible (warn)
SELECT
  uscc
FROM staged
WHERE penalties_36m > 100;
