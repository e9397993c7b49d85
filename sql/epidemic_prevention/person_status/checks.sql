-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_person (fail)
SELECT
  citizen_id
FROM staged
GROUP BY citizen_id
HAVING count(*) > 1;

-- check: close_exposures_are_exposures (fail)
SELECT
  citizen_id
FROM staged
WHERE close_exposures_14d > exposures_14d;

-- check: level_is_no_lower_than_its_reasons (fail)
SELECT
  citizen_id
FROM staged
WHERE (last_result = '1' AND level <> 'red')
  OR ((under_control OR close_exposures_14d > 0) AND level NOT IN ('red', 'orange'))
  OR ((exposures_14d > 0 OR last_result = '2') AND level = 'green');

-- check: sampled_by_as_of (warn)
SELECT
  sample_no
FROM pool_epi_test
WHERE CAST(sample_time + INTERVAL '8 hours' AS DATE) > CAST($as_of AS DATE);
