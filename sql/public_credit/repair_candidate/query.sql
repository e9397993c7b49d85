-- Grain: one row per penalty whose subject may ask for repair of its credit: still published,
-- published for 3 months (12 for kinds 3 and 4, which stand for food, drugs, special equipment and
-- safety), not of a natural person, and the subject on no black list at as_of.
WITH penalties AS (
  SELECT
    n.doc_no,
    n.authority_uscc,
    n.subject_code,
    n.decide_date,
    n.kind_code,
    CAST(
      n.decide_date
      + CASE
        WHEN n.kind_code IN ('3', '4') THEN INTERVAL '12 months'
        ELSE INTERVAL '3 months'
      END
      AS DATE
    ) AS eligible_from
  FROM period p
  CROSS JOIN pool_penalty n
  WHERE NOT n.revoked
    AND n.subject_type <> '2'
    AND n.subject_code IS NOT NULL
    AND (n.publish_until IS NULL OR n.publish_until >= p.as_of)
)
SELECT
  n.doc_no,
  n.authority_uscc,
  n.subject_code,
  n.decide_date,
  n.kind_code,
  n.eligible_from
FROM period p
CROSS JOIN penalties n
LEFT JOIN enterprise_blacklists b ON b.uscc = n.subject_code
WHERE n.eligible_from <= p.as_of AND b.uscc IS NULL
