-- Records of public credit: permits, penalties that stand, black lists, abnormal operation.
-- Grain: one row per record and subject. A black list names no type of subject: what is a credit
-- code and no resident number is an organisation, everything else (a token too) a person, so that
-- a doubt hides a name and never shows one. A case can stand on several lists, so the list is part
-- of the record's number. An abnormal entry names no authority: the subject's code stands there.
-- Whoever could not be identified (a code that ingestion had to leave out) has no record.
SELECT
  'permit' AS kind,
  doc_no AS record_no,
  authority_uscc,
  subject_type,
  subject_name,
  subject_code,
  permit_name AS title,
  decide_date AS event_date,
  valid_to AS end_date,
  CAST(NULL AS DECIMAL(18, 4)) AS amount_wan,
  status_code = '1' AS is_active
FROM pool_permit
WHERE subject_code IS NOT NULL
UNION ALL
SELECT
  'penalty' AS kind,
  x.doc_no AS record_no,
  x.authority_uscc,
  x.subject_type,
  x.subject_name,
  x.subject_code,
  x.fact AS title,
  x.decide_date AS event_date,
  x.publish_until AS end_date,
  x.fine_wan AS amount_wan,
  x.publish_until IS NULL OR x.publish_until >= p.as_of AS is_active
FROM period p
CROSS JOIN pool_penalty x
WHERE NOT x.revoked AND x.subject_code IS NOT NULL
UNION ALL
SELECT
  'blacklist' AS kind,
  x.list_code || '-' || x.case_no AS record_no,
  coalesce(x.authority_uscc, 'unknown') AS authority_uscc,
  CASE
    WHEN uscc_valid(x.subject_code) AND NOT id_valid(x.subject_code) THEN '1'
    ELSE '2'
  END AS subject_type,
  x.subject_name,
  x.subject_code,
  x.reason AS title,
  x.in_date AS event_date,
  x.out_date AS end_date,
  CAST(NULL AS DECIMAL(18, 4)) AS amount_wan,
  x.in_date <= p.as_of AND (x.out_date IS NULL OR x.out_date > p.as_of) AS is_active
FROM period p
CROSS JOIN pool_blacklist x
UNION ALL
SELECT
  'abnormal' AS kind,
  x.uscc || '-' || to_char(x.in_date, '%Y%m%d') AS record_no,
  x.uscc AS authority_uscc,
  '1' AS subject_type,
  e.name AS subject_name,
  x.uscc AS subject_code,
  x.reason_code AS title,
  x.in_date AS event_date,
  x.out_date AS end_date,
  CAST(NULL AS DECIMAL(18, 4)) AS amount_wan,
  x.in_date <= p.as_of AND (x.out_date IS NULL OR x.out_date > p.as_of) AS is_active
FROM period p
CROSS JOIN pool_abnormal x
JOIN le_entity e ON e.uscc = x.uscc
