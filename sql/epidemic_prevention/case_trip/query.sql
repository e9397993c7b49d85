-- Trips of confirmed (1) and asymptomatic (2) cases on services of the four days before the
-- confirmation and of the day itself: whoever was aboard is exposed.
-- Grain: one row per case_no, mode and ticket_no.
SELECT
  k.case_no,
  t.mode,
  t.ticket_no,
  t.citizen_id,
  t.service_no,
  t.service_date,
  t.board_code,
  t.alight_code,
  t.coach_no,
  t.seat_row,
  t.depart_time,
  t.arrive_time
FROM pool_epi_case k
JOIN epidemic_prevention.trip t ON t.citizen_id = k.citizen_id
WHERE k.case_type IN ('1', '2')
  AND t.service_date >= CAST(k.confirm_date - INTERVAL '4 days' AS DATE)
  AND t.service_date <= k.confirm_date
