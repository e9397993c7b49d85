-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_record_and_subject (fail)
SELECT
  kind,
  record_no,
  authority_uscc,
  subject_code
FROM staged
GROUP BY kind, record_no, authority_uscc, subject_code
HAVING count(*) > 1;

-- check: kind_is_known (fail)
SELECT
  kind,
  record_no
FROM staged
WHERE kind NOT IN ('permit', 'penalty', 'blacklist', 'abnormal');

-- check: revoked_penalties_are_gone (fail)
SELECT
  s.record_no
FROM staged s
JOIN pool_penalty n ON n.doc_no = s.record_no AND n.authority_uscc = s.authority_uscc
WHERE s.kind = 'penalty' AND n.revoked;

-- check: activity_is_known (warn)
SELECT
  kind,
  record_no
FROM staged
WHERE is_active IS NULL;

-- check: event_by_as_of (warn)
SELECT
  kind,
  record_no
FROM staged
WHERE event_date > CAST($as_of AS DATE);
