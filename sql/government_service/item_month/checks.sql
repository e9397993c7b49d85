-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_item_county_and_month (fail)
SELECT
  item_code,
  division_code,
  finish_month
FROM staged
GROUP BY
  item_code,
  division_code,
  finish_month
HAVING count(*) > 1;

-- check: parts_are_within_the_whole (fail)
SELECT
  item_code,
  division_code,
  finish_month
FROM staged
WHERE finished < 1
  OR granted > finished
  OR rated > finished
  OR on_time_pct NOT BETWEEN 0 AND 100
  OR online_pct NOT BETWEEN 0 AND 100
  OR bad_rating_pct NOT BETWEEN 0 AND 100;

-- check: days_could_be_counted (warn)
SELECT
  item_code,
  division_code,
  finish_month
FROM staged
WHERE avg_workdays IS NULL;
