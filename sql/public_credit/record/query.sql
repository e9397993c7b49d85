-- Grain: one row per record of public credit and subject: permits, penalties that are not
-- revoked, entries of black lists and of the list of abnormal operation.
SELECT
  kind,
  record_no,
  authority_uscc,
  subject_type,
  subject_name,
  subject_code,
  title,
  event_date,
  end_date,
  amount_wan,
  is_active
FROM credit_record
