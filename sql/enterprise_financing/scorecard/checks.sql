-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_uscc (fail)
SELECT
  uscc
FROM staged
GROUP BY uscc
HAVING count(*) > 1;

-- check: every_market_entity_has_a_row (fail)
SELECT
  e.uscc
FROM le_entity e
LEFT JOIN staged s ON s.uscc = e.uscc
WHERE substr(e.uscc, 1, 1) = '9' AND s.uscc IS NULL;

-- check: parts_keep_to_their_range (fail)
SELECT
  uscc
FROM staged
WHERE s_operation NOT BETWEEN 0 AND 30
  OR s_utility NOT BETWEEN 0 AND 25
  OR s_standing NOT BETWEEN 0 AND 25
  OR s_tax_grade NOT BETWEEN 0 AND 20
  OR deduction NOT BETWEEN 0 AND 35;

-- check: score_is_the_sum_or_nothing (fail)
SELECT
  uscc
FROM staged
WHERE score NOT IN (
  0,
  greatest(0, s_operation + s_utility + s_standing + s_tax_grade - deduction)
);

-- check: grade_fits_the_score (fail)
SELECT
  uscc
FROM staged
WHERE (grade = 'A') <> (score >= 80)
  OR (grade = 'B') <> (score >= 65 AND score < 80)
  OR (grade = 'D') <> (score < 50);

-- check: not_everyone_is_on_top (warn)
SELECT
  max(uscc) AS uscc
FROM staged
HAVING count(*) FILTER (WHERE grade = 'A') > 0.9 * count(*) AND count(*) >= 100;
