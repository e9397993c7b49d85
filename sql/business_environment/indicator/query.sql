-- Grain: one row per division, month and indicator.
--
--   BE01_new_entities         market entities founded in the month
--   BE02_cancelled_entities   market entities cancelled in the month
--   BE03_days_<tag>           working days per granted case of the items with the tag
--   BE04_on_time_share        granted cases of tagged items that kept the promised time
--   BE05_bidders_per_section  bidders per section opened in the month
--   BE06_single_bid_share     of these, sections with one bidder
--   BE07_award_to_cap         awards over the caps of these sections, where both are known
--   BE08_loan_rate_pct        yearly rate of loans paid out, weighted by amount
--
-- The month of an instant is that of its day in Chongqing (UTC+8). What has no division counts
-- nowhere; what has no working days (a day outside the calendar), no promise or no rate counts
-- neither above nor below the line.
WITH entities AS (
  SELECT
    division_code,
    CAST(date_trunc('month', found_date) AS DATE) AS found_month,
    CAST(date_trunc('month', cancel_date) AS DATE) AS cancel_month
  FROM le_entity
  WHERE substr(uscc, 1, 1) = '9' AND division_code IS NOT NULL
),
timed AS (
  SELECT
    c.case_no,
    c.division_code,
    CAST(date_trunc('month', c.finish_time + INTERVAL '8 hours') AS DATE) AS stat_month,
    workdays_between(
      CAST(c.accept_time + INTERVAL '8 hours' AS DATE),
      CAST(c.finish_time + INTERVAL '8 hours' AS DATE)
    ) AS workdays,
    c.pause_days,
    i.item_code,
    i.promise_days
  FROM pool_gov_case c
  JOIN pool_gov_item i ON i.item_code = substr(c.item_code, 1, 31)
  WHERE c.finish_time IS NOT NULL
    AND c.accept_time IS NOT NULL
    AND c.result_code = '1'
    AND c.division_code IS NOT NULL
),
tagged AS (
  SELECT
    t.case_no,
    t.division_code,
    t.stat_month,
    g.tag,
    greatest(t.workdays - coalesce(t.pause_days, 0), 0) AS used_workdays,
    t.promise_days
  FROM timed t
  JOIN item_tag g ON g.item_code = t.item_code
  WHERE t.workdays IS NOT NULL
),
cases AS (
  SELECT
    case_no,
    division_code,
    stat_month,
    tag,
    used_workdays,
    used_workdays <= promise_days AS on_time
  FROM tagged
),
sections AS (
  SELECT
    s.division_code,
    CAST(date_trunc('month', s.open_time + INTERVAL '8 hours') AS DATE) AS stat_month,
    s.section_no,
    count(*) AS bidders,
    max(s.control_price_wan) AS cap_wan,
    max(b.award_wan) FILTER (WHERE b.is_winner) AS award_wan
  FROM prt_section s
  JOIN prt_bid b ON b.section_no = s.section_no
  WHERE s.open_time IS NOT NULL AND s.division_code IS NOT NULL
  GROUP BY s.division_code, s.open_time, s.section_no
),
loans AS (
  SELECT
    e.division_code,
    CAST(date_trunc('month', x.loan_date) AS DATE) AS stat_month,
    x.annual_rate,
    x.loan_wan
  FROM pool_loan x
  JOIN le_entity e ON e.uscc = x.uscc
  WHERE x.loan_date IS NOT NULL
    AND x.annual_rate IS NOT NULL
    AND x.loan_wan IS NOT NULL
    AND e.division_code IS NOT NULL
),
indicators AS (
  SELECT
    division_code,
    found_month AS stat_month,
    'BE01_new_entities' AS indicator,
    CAST(count(*) AS DOUBLE) AS numerator,
    CAST(1 AS DOUBLE) AS denominator
  FROM entities
  WHERE found_month IS NOT NULL
  GROUP BY division_code, found_month
  UNION ALL
  SELECT
    division_code,
    cancel_month AS stat_month,
    'BE02_cancelled_entities' AS indicator,
    CAST(count(*) AS DOUBLE) AS numerator,
    CAST(1 AS DOUBLE) AS denominator
  FROM entities
  WHERE cancel_month IS NOT NULL
  GROUP BY division_code, cancel_month
  UNION ALL
  SELECT
    division_code,
    stat_month,
    'BE03_days_' || tag AS indicator,
    CAST(sum(used_workdays) AS DOUBLE) AS numerator,
    CAST(count(*) AS DOUBLE) AS denominator
  FROM cases
  GROUP BY division_code, stat_month, tag
  UNION ALL
  SELECT
    division_code,
    stat_month,
    'BE04_on_time_share' AS indicator,
    CAST(count(DISTINCT CASE WHEN on_time THEN case_no END) AS DOUBLE) AS numerator,
    CAST(count(DISTINCT case_no) AS DOUBLE) AS denominator
  FROM cases
  WHERE on_time IS NOT NULL
  GROUP BY division_code, stat_month
  UNION ALL
  SELECT
    division_code,
    stat_month,
    'BE05_bidders_per_section' AS indicator,
    CAST(sum(bidders) AS DOUBLE) AS numerator,
    CAST(count(*) AS DOUBLE) AS denominator
  FROM sections
  GROUP BY division_code, stat_month
  UNION ALL
  SELECT
    division_code,
    stat_month,
    'BE06_single_bid_share' AS indicator,
    CAST(count(*) FILTER (WHERE bidders = 1) AS DOUBLE) AS numerator,
    CAST(count(*) AS DOUBLE) AS denominator
  FROM sections
  GROUP BY division_code, stat_month
  UNION ALL
  SELECT
    division_code,
    stat_month,
    'BE07_award_to_cap' AS indicator,
    CAST(sum(award_wan) AS DOUBLE) AS numerator,
    CAST(sum(cap_wan) AS DOUBLE) AS denominator
  FROM sections
  WHERE award_wan IS NOT NULL AND cap_wan > 0
  GROUP BY division_code, stat_month
  UNION ALL
  SELECT
    division_code,
    stat_month,
    'BE08_loan_rate_pct' AS indicator,
    CAST(sum(annual_rate * loan_wan) AS DOUBLE) AS numerator,
    CAST(sum(loan_wan) AS DOUBLE) AS denominator
  FROM loans
  GROUP BY division_code, stat_month
)
SELECT
  division_code,
  stat_month,
  indicator,
  numerator,
  denominator,
  round(numerator / nullif(denominator, 0), 4) AS value
FROM indicators
