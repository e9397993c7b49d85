-- Grain: one row per uscc, for every subject whose code begins with 9 (market entities).
-- A count or an amount is 0 where nothing is known against a subject.
WITH property AS (
  SELECT
    r.holder_code AS uscc,
    count(*) FILTER (WHERE r.is_seized) AS seized_rights,
    coalesce(sum(r.mortgage_wan) FILTER (WHERE r.is_mortgaged), 0) AS mortgage_wan,
    count(*) AS property_rights
  FROM period p
  CROSS JOIN geo_right r
  WHERE r.register_date <= p.as_of AND (r.cancel_date IS NULL OR r.cancel_date > p.as_of)
  GROUP BY r.holder_code
),
loans AS (
  SELECT
    uscc,
    count(*) AS open_loans,
    sum(balance_wan) AS loan_balance_wan,
    max(overdue_days) AS max_loan_overdue_days
  FROM pool_loan
  WHERE state_code = '3'
  GROUP BY uscc
)
SELECT
  e.uscc,
  coalesce(n.penalties_24m, 0) AS penalties_24m,
  coalesce(n.serious_penalties_24m, 0) AS serious_penalties_24m,
  coalesce(n.fine_wan_24m, 0) AS fine_wan_24m,
  coalesce(b.active_blacklists, 0) AS active_blacklists,
  coalesce(a.active_abnormal, 0) AS active_abnormal,
  coalesce(r.seized_rights, 0) AS seized_rights,
  coalesce(r.mortgage_wan, 0) AS mortgage_wan,
  coalesce(r.property_rights, 0) AS property_rights,
  coalesce(l.open_loans, 0) AS open_loans,
  coalesce(l.loan_balance_wan, 0) AS loan_balance_wan,
  CAST(coalesce(l.max_loan_overdue_days, 0) AS BIGINT) AS max_loan_overdue_days
FROM market_entity e
LEFT JOIN enterprise_penalties n ON n.uscc = e.uscc
LEFT JOIN enterprise_blacklists b ON b.uscc = e.uscc
LEFT JOIN enterprise_abnormal a ON a.uscc = e.uscc
LEFT JOIN property r ON r.uscc = e.uscc
LEFT JOIN loans l ON l.uscc = e.uscc
