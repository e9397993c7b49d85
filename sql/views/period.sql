-- Days and months from which the windows of the subject tables are counted.
-- Grain: one row. "12 months" are [m12, m_cur): the twelve complete calendar months before the
-- month of as_of; [m24, m12) are the twelve before them.
SELECT
  CAST($as_of AS DATE) AS as_of,
  CAST(date_trunc('month', CAST($as_of AS DATE)) AS DATE) AS m_cur,
  CAST(date_trunc('month', CAST($as_of AS DATE)) - INTERVAL '12 months' AS DATE) AS m12,
  CAST(date_trunc('month', CAST($as_of AS DATE)) - INTERVAL '24 months' AS DATE) AS m24,
  CAST(date_trunc('month', CAST($as_of AS DATE)) - INTERVAL '36 months' AS DATE) AS m36
