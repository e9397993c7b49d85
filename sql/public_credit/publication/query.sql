-- Grain: one row per record that may be shown to the public. Natural persons, and whoever may be
-- one, appear with a masked name and without a code; of a sole trader's code the middle is hidden,
-- and what is no credit code is not shown at all. Warnings (kind 1) and penalties by simple procedure stay out.
-- Where a case has several subjects, their order in it is added to the number, so that the number
-- names one row and tells nothing of a person.
WITH records AS (
  SELECT
    r.kind,
    r.record_no,
    r.authority_uscc,
    r.subject_type,
    r.subject_name,
    r.subject_code,
    r.title,
    r.event_date,
    r.end_date,
    r.amount_wan,
    count(*) OVER (
      PARTITION BY r.kind, r.record_no, r.authority_uscc, r.event_date
    ) AS subjects,
    row_number() OVER (
      PARTITION BY r.kind, r.record_no, r.authority_uscc, r.event_date
      ORDER BY r.subject_code
    ) AS place
  FROM public_credit.record r
  LEFT JOIN pool_penalty n
    ON r.kind = 'penalty'
    AND n.doc_no = r.record_no
    AND n.authority_uscc = r.authority_uscc
    AND n.decide_date = r.event_date
  WHERE r.is_active
    AND r.event_date IS NOT NULL
    AND (r.kind <> 'penalty' OR (NOT n.is_simple AND n.kind_code <> '1'))
)
SELECT
  kind,
  CASE
    WHEN subjects > 1 THEN record_no || '-' || CAST(place AS VARCHAR)
    ELSE record_no
  END AS record_no,
  authority_uscc,
  CASE
    WHEN subject_type = '3' OR (subject_type = '1' AND NOT id_valid(subject_code))
    THEN subject_name
    ELSE substr(subject_name, 1, 1)
      || repeat('*', CAST(greatest(character_length(subject_name) - 1, 1) AS BIGINT))
  END AS subject_name_public,
  CASE
    WHEN subject_type IN ('1', '3') AND uscc_valid(subject_code) AND NOT id_valid(subject_code)
    THEN mask('open_uscc', subject_code)
  END AS subject_code_public,
  title,
  event_date,
  end_date,
  amount_wan
FROM records
