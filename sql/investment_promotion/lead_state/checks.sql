-- Each query returns the rows that offend. `staged` holds the rows that are about to be
-- committed; the inputs are readable under their names.

-- check: one_row_per_lead (fail)
SELECT
  lead_no
FROM staged
GROUP BY lead_no
HAVING count(*) > 1;

-- check: every_lead_has_a_row (fail)
SELECT
  l.lead_no
FROM pool_invest_lead l
LEFT JOIN staged s ON s.lead_no = l.lead_no
WHERE s.lead_no IS NULL;

-- check: index_is_in_quarters (fail)
SELECT
  lead_no
FROM staged
WHERE fulfilment_index NOT IN (0, 25, 50, 75, 100);

-- check: only_signed_leads_stall (fail)
SELECT
  lead_no
FROM staged
WHERE stalled AND (stage_code NOT IN ('3', '4') OR days_in_stage <= 180);

-- check: paid_in_keeps_to_the_contract (warn)
SELECT
  lead_no
FROM staged
WHERE paid_in_pct > 105;

-- check: dates_are_in_order (warn)
SELECT
  lead_no
FROM staged
WHERE sign_to_register_days < 0 OR register_to_start_days < 0 OR days_in_stage < 0;
