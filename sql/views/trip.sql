-- Tickets that stand, of flights, trains and coaches: the newest event of a ticket decides, and
-- only one that is sold (1) or checked (2) is a trip; refunded (3) and changed (4) ones are not.
-- Grain: one row per mode and ticket_no; ticket numbers are unique within a mode only.
-- seat_row is the number before the letter of the seat; null where there is none.
WITH events AS (
  SELECT
    'avi' AS mode,
    ticket_no,
    citizen_id,
    service_no,
    service_date,
    board_code,
    alight_code,
    coach_no,
    seat_no,
    depart_time,
    arrive_time,
    ticket_state,
    event_time
  FROM avi_ticket
  UNION ALL
  SELECT
    'rail' AS mode,
    ticket_no,
    citizen_id,
    service_no,
    service_date,
    board_code,
    alight_code,
    coach_no,
    seat_no,
    depart_time,
    arrive_time,
    ticket_state,
    event_time
  FROM rail_ticket
  UNION ALL
  SELECT
    'road' AS mode,
    ticket_no,
    citizen_id,
    service_no,
    service_date,
    board_code,
    alight_code,
    coach_no,
    seat_no,
    depart_time,
    arrive_time,
    ticket_state,
    event_time
  FROM road_ticket
),
ranked AS (
  SELECT
    mode,
    ticket_no,
    citizen_id,
    service_no,
    service_date,
    board_code,
    alight_code,
    coach_no,
    seat_no,
    depart_time,
    arrive_time,
    ticket_state,
    row_number() OVER (PARTITION BY mode, ticket_no ORDER BY event_time DESC) AS newest
  FROM events
)
SELECT
  mode,
  ticket_no,
  citizen_id,
  service_no,
  service_date,
  board_code,
  alight_code,
  coach_no,
  seat_no,
  TRY_CAST(regexp_replace(seat_no, '[^0-9].*$', '') AS INT) AS seat_row,
  depart_time,
  arrive_time
FROM ranked
WHERE newest = 1 AND ticket_state IN ('1', '2')
