-- Who was aboard with a confirmed or asymptomatic case on its trips before the confirmation.
-- Grain: one row per case_no, contact_id, mode, service_no and service_date; of several tickets
-- on one service the closest contact counts.
-- A trip without an arrival is taken to last 24 hours. Within three rows is close (on a train in
-- the same coach), as is every passenger of a coach on the road.
WITH met AS (
  SELECT
    a.case_no,
    b.citizen_id AS contact_id,
    a.mode,
    a.service_no,
    a.service_date,
    b.board_code,
    b.alight_code,
    b.coach_no,
    b.seat_no,
    CASE
      WHEN a.mode = 'road' THEN 1
      WHEN abs(a.seat_row - b.seat_row) <= 3 AND (a.mode = 'avi' OR a.coach_no = b.coach_no)
      THEN 1
      WHEN a.mode = 'rail' AND a.coach_no = b.coach_no THEN 2
      ELSE 3
    END AS distance
  FROM epidemic_prevention.case_trip a
  JOIN epidemic_prevention.trip b
    ON b.mode = a.mode
    AND b.service_no = a.service_no
    AND b.service_date = a.service_date
    AND b.citizen_id <> a.citizen_id
  WHERE b.depart_time < coalesce(a.arrive_time, a.depart_time + INTERVAL '24 hours')
    AND a.depart_time < coalesce(b.arrive_time, b.depart_time + INTERVAL '24 hours')
),
ranked AS (
  SELECT
    case_no,
    contact_id,
    mode,
    service_no,
    service_date,
    board_code,
    alight_code,
    coach_no,
    seat_no,
    distance,
    row_number() OVER (
      PARTITION BY case_no, contact_id, mode, service_no, service_date
      ORDER BY distance, board_code, alight_code, coach_no, seat_no
    ) AS closest
  FROM met
)
SELECT
  case_no,
  contact_id,
  mode,
  service_no,
  service_date,
  board_code,
  alight_code,
  coach_no,
  seat_no,
  CASE distance WHEN 1 THEN 'close' WHEN 2 THEN 'same_coach' ELSE 'same_service' END AS exposure
FROM ranked
WHERE closest = 1
