-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_record (fail)
SELECT
  kind,
  record_no,
  authority_uscc,
  event_date
FROM staged
GROUP BY kind, record_no, authority_uscc, event_date
HAVING count(*) > 1;

-- check: no_number_of_a_person (fail)
SELECT
  kind,
  record_no
FROM staged
WHERE id_valid(subject_code_public) OR length(subject_code_public) <> 18;

-- check: no_full_name_of_a_person (fail)
SELECT
  s.kind,
  s.record_no
FROM staged s
JOIN pool_penalty n ON n.doc_no = s.record_no AND n.authority_uscc = s.authority_uscc
WHERE s.kind = 'penalty'
  AND n.subject_type = '2'
  AND s.subject_name_public = n.subject_name
  AND n.subject_name NOT LIKE '%*';

-- check: no_warnings_and_no_simple_procedure (fail)
SELECT
  s.record_no
FROM staged s
JOIN pool_penalty n ON n.doc_no = s.record_no AND n.authority_uscc = s.authority_uscc
WHERE s.kind = 'penalty' AND (n.is_simple OR n.kind_code = '1' OR n.revoked);

-- check: title_is_given (warn)
SELECT
  kind,
  record_no
FROM staged
WHERE title IS NULL;
