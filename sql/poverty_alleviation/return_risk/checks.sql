-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_household (fail)
SELECT
  hh_no
FROM staged
GROUP BY hh_no
HAVING count(*) > 1;

-- check: rules_are_never_unknown (fail)
SELECT
  hh_no
FROM staged
WHERE risk_count IS NULL OR risk_count NOT BETWEEN 0 AND 7;

-- check: level_follows_the_rules (fail)
SELECT
  hh_no
FROM staged
WHERE (risk_level = 'none') <> (risk_count = 0)
  OR (risk_level = 'low' AND risk_count <> 1)
  OR (risk_level = 'medium' AND risk_count <> 2);

-- check: own_share_is_not_negative (warn)
SELECT
  hh_no
FROM staged
WHERE self_paid_12m < 0;

-- check: high_risk_is_monitored (warn)
SELECT
  hh_no
FROM staged
WHERE risk_level = 'high' AND monitor_type IS NULL;
