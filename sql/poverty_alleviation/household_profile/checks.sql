-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_household (fail)
SELECT
  hh_no
FROM staged
GROUP BY hh_no
HAVING count(*) > 1;

-- check: parts_are_within_the_household (fail)
SELECT
  hh_no
FROM staged
WHERE members < 1
  OR labourers > members
  OR school_age > members
  OR ill > members
  OR disabled > members
  OR low_income_members > members;

-- check: all_ok_means_each (fail)
SELECT
  hh_no
FROM staged
WHERE all_ok <> (
  coalesce(food_clothing_ok, FALSE)
  AND education_ok
  AND medical_ok
  AND coalesce(housing_ok, FALSE)
  AND coalesce(water_ok, FALSE)
);

-- check: household_has_a_living_member (warn)
SELECT
  h.hh_no
FROM pool_pov_household h
LEFT JOIN staged s ON s.hh_no = h.hh_no
WHERE s.hh_no IS NULL;

-- check: income_is_reported (warn)
SELECT
  hh_no
FROM staged
WHERE income_per_head IS NULL;

-- check: registered_before_leaving (warn)
SELECT
  hh_no
FROM staged
WHERE exit_date < identify_date;
