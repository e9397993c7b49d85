-- Grain: one row per case_no, contact_id, mode, service_no and service_date.
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
  exposure
FROM epidemic_exposure
