-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_penalty (fail)
SELECT
  doc_no,
  authority_uscc
FROM staged
GROUP BY doc_no, authority_uscc
HAVING count(*) > 1;

-- check: the_time_has_come (fail)
SELECT
  doc_no
FROM staged
WHERE eligible_from > CAST($as_of AS DATE) OR eligible_from <= decide_date;

-- check: no_person_and_nothing_revoked (fail)
SELECT
  s.doc_no
FROM staged s
JOIN pool_penalty n ON n.doc_no = s.doc_no AND n.authority_uscc = s.authority_uscc
WHERE n.revoked OR n.subject_type = '2';

-- check: not_waiting_for_years (warn)
SELECT
  doc_no
FROM staged
WHERE eligible_from < CAST(CAST($as_of AS DATE) - INTERVAL '60 months' AS DATE);
