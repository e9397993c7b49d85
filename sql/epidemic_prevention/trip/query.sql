-- Tickets that stand, of flights, trains and coaches: the newest event of a ticket decides, and
-- only one that is sold (1) or checked (2) is a trip; refunded (3) and changed (4) ones are not.
-- Grain: one row per mode and ticket_no; ticket numbers are unique within a mode only.
-- seat_row is the number before the letter of the seat; null where there is none. alight_division is
-- null for a station outside the city.
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
  r.mode,
  r.ticket_no,
  r.citizen_id,
  r.service_no,
  r.service_date,
  r.board_code,
  r.alight_code,
  s.division_code AS alight_division,
  r.coach_no,
  r.seat_no,
  TRY_CAST(regexp_replace(r.seat_no, '[^0-9].*$', '') AS INT) AS seat_row,
  r.depart_time,
  r.arrive_time
FROM ranked r
LEFT JOIN station s ON s.mode = r.mode AND s.code = r.alight_code
WHERE r.newest = 1 AND r.ticket_state IN ('1', '2')
