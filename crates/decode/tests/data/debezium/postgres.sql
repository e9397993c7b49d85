-- What is done to PostgreSQL while the connectors listen. Each `-- step` is one call of psql; the
-- first happens before the connectors exist, so its rows come as their snapshot. After each step
-- the tables are written down as PostgreSQL holds them (postgres.state.ndjson).

-- step before
CREATE TYPE mood AS ENUM ('好', 'so-so', '坏');
-- Default replica identity: the log holds only the key of the row before.
CREATE TABLE resident (
  id integer PRIMARY KEY,
  "姓名" text NOT NULL,
  phone text,
  note text,
  amount numeric(12, 2) NOT NULL,
  opened date,
  updated_at timestamptz NOT NULL
);
ALTER TABLE resident ALTER note SET STORAGE EXTERNAL;
CREATE TABLE resident_full (LIKE resident INCLUDING ALL);
ALTER TABLE resident_full REPLICA IDENTITY FULL;
CREATE TABLE bill (
  account_no text,
  bill_month date,
  amount numeric(14, 2),
  paid boolean NOT NULL DEFAULT false,
  -- Null where it is given as null: Kafka Connect's JSON converter makes the default of it, unless
  -- it is told not to.
  state text DEFAULT '未缴',
  PRIMARY KEY (account_no, bill_month)
);
CREATE TABLE keyless (at timestamp NOT NULL, event text);
ALTER TABLE keyless REPLICA IDENTITY FULL;
CREATE TABLE times (
  id integer PRIMARY KEY,
  d date,
  t0 time(0),
  t3 time(3),
  t6 time,
  tz timetz,
  ts0 timestamp(0),
  ts3 timestamp(3),
  ts6 timestamp,
  tstz timestamptz,
  iv interval
);
CREATE TABLE numbers (
  id integer PRIMARY KEY,
  i2 smallint,
  i8 bigint,
  n12_2 numeric(12, 2),
  n38_10 numeric(38, 10),
  n10_0 numeric(10, 0),
  n numeric,
  f4 real,
  f8 double precision,
  money money
);
CREATE TABLE others (
  id integer PRIMARY KEY,
  flag boolean,
  bytes bytea,
  j json,
  jb jsonb,
  u uuid,
  mood mood,
  texts text[],
  ints integer[],
  c5 char(5),
  v10 varchar(10),
  b1 bit(1),
  b8 bit(8),
  inet inet,
  range int4range,
  point point,
  "备注" text
);
CREATE TABLE done (step text PRIMARY KEY);
CREATE TABLE signal (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048));
CREATE PUBLICATION everything FOR ALL TABLES;

INSERT INTO resident VALUES
  (1, '张三', '13800000001', NULL, 1.50, '2020-01-31', '2020-04-07 08:30:00.123456+08'),
  (2, '欧阳"娜娜"', NULL, repeat('长', 700), -0.05, NULL, '2020-04-07 00:30:00Z');
INSERT INTO resident_full TABLE resident;
INSERT INTO bill VALUES ('0230001', '2020-03-01', 45.67, true);
INSERT INTO keyless VALUES ('2020-04-07 08:30:00', 'first');
INSERT INTO times VALUES
  (1, '2020-04-07', '08:30:01', '08:30:01.123', '08:30:01.123456', '08:30:01.123456+08',
   '2020-04-07 08:30:01', '2020-04-07 08:30:01.123', '2020-04-07 08:30:01.123456',
   '2020-04-07 08:30:01.123456+08', '1 year 2 mons 3 days 04:05:06.789'),
  (2, '0001-01-01', '00:00', '00:00', '00:00', '00:00Z', '0001-01-01', '0001-01-01',
   '0001-01-01', '0001-01-01 00:00Z', '00:00'),
  (3, '9999-12-31', '23:59:59', '23:59:59.999', '23:59:59.999999', '23:59:59.999999-12',
   '9999-12-31 23:59:59', '9999-12-31 23:59:59.999', '9999-12-31 23:59:59.999999',
   '9999-12-31 23:59:59.999999Z', '-1 mons');
INSERT INTO numbers VALUES
  (1, -32768, -9223372036854775808, -1234567890.12, 12345678901234567890.0123456789, 1234,
   1234.5, 3.5, 0.1, 1234.56),
  (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO others VALUES
  (1, true, '\x00ff10'::bytea, '{"a": 1, "键": [1, 2.50]}', '{"a": 1, "键": [1, 2.50]}',
   '6fa459ea-ee8a-3ca4-894e-db77e160355e', '好', ARRAY['甲', NULL, 'b"c'], ARRAY[1, NULL, -3],
   'ab', '变长', B'1', B'10100000', '10.1.2.3/24', '[1,10)', '(1.5,-2)', E'换行\n"引号"\\'),
  (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL);

-- step create
INSERT INTO resident VALUES
  (3, '李四', '13800000003', repeat('短', 10), 0.00, '2020-02-29', '2020-04-07 09:00:00+08'),
  (4, '王五', NULL, repeat('长', 700), 99999999.99, '1900-01-01', '2020-04-07 09:00:00+08');
INSERT INTO resident_full SELECT * FROM resident WHERE id > 2;
INSERT INTO bill VALUES ('0230008', '2020-03-01', 1, false);
INSERT INTO bill VALUES ('0230009', '2020-03-01', 1, false, NULL);
INSERT INTO keyless VALUES ('2020-04-07 08:31:00', 'second');

-- step update
UPDATE resident SET phone = '13900000001' WHERE id = 1;
UPDATE resident_full SET phone = '13900000001' WHERE id = 1;
UPDATE keyless SET event = '2nd' WHERE event = 'second';

-- step update_toast_unchanged
UPDATE resident SET amount = amount + 1 WHERE id IN (2, 4);
UPDATE resident_full SET amount = amount + 1 WHERE id IN (2, 4);

-- step update_toast_changed
UPDATE resident SET note = repeat('新', 700) WHERE id = 2;
UPDATE resident_full SET note = 'now short' WHERE id = 2;

-- step null_and_value
UPDATE resident SET note = NULL, phone = '13800000004', opened = NULL WHERE id = 4;
UPDATE resident SET note = 'here', opened = '2020-05-01' WHERE id = 1;
UPDATE resident_full SET note = NULL, phone = NULL WHERE id = 4;

-- step key_change
UPDATE resident SET id = 20 WHERE id = 2;
UPDATE resident_full SET id = 30 WHERE id = 3;
UPDATE bill SET bill_month = '2020-04-01' WHERE account_no = '0230001';

-- step delete
DELETE FROM resident WHERE id = 3;
DELETE FROM resident_full WHERE id = 4;
DELETE FROM bill WHERE account_no = '0230001';
DELETE FROM keyless WHERE event = 'first';

-- step create_again
INSERT INTO resident VALUES (3, '李四', NULL, NULL, 7.00, NULL, '2020-04-07 10:00:00+08');

-- step several_tables
BEGIN;
INSERT INTO bill VALUES ('0230002', '2020-03-01', NULL, false), ('0230002', '2020-04-01', 1, true);
UPDATE resident SET amount = 8 WHERE id = 3;
DELETE FROM bill WHERE account_no = '0230002' AND bill_month = '2020-03-01';
INSERT INTO bill VALUES ('0230002', '2020-03-01', 2, true);
COMMIT;

-- step rolled_back
BEGIN;
INSERT INTO bill VALUES ('0239999', '2020-03-01', 1, false);
ROLLBACK;

-- step message
SELECT pg_logical_emit_message(true, 'huiliu', '{"note": "一条消息"}');

-- step types
INSERT INTO times SELECT id + 100, d, t0, t3, t6, tz, ts0, ts3, ts6, tstz, iv FROM times;
INSERT INTO times VALUES
  (104, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (105, '1970-01-02', '24:00', '24:00', '24:00', '24:00Z', '1970-01-02 03:04:05',
   '1970-01-02 03:04:05.678', '1970-01-02 03:04:05.678901', '1970-01-02 03:04:05.678901Z',
   '1 day'),
  (106, '1969-12-31', NULL, NULL, NULL, NULL, '1969-12-31 23:59:59', '1969-12-31 23:59:59.999',
   '1969-12-31 23:59:59.999999', '1969-12-31 23:59:59.999999Z', '-00:00:00.000001'),
  (107, '1583-01-01', NULL, NULL, NULL, NULL, '1583-01-01', '1583-01-01', '1583-01-01',
   '1583-01-01Z', NULL);
INSERT INTO times (id, d, ts0, ts3, ts6, tstz) VALUES
  (111, 'infinity', 'infinity', 'infinity', 'infinity', 'infinity'),
  (112, '-infinity', '-infinity', '-infinity', '-infinity', '-infinity'),
  (113, '0044-03-15 BC', '0044-03-15 12:00 BC', '0044-03-15 12:00 BC', '0044-03-15 12:00 BC',
   '0044-03-15 12:00Z BC'),
  (114, '20000-01-01', '20000-01-01', '20000-01-01', '20000-01-01', '20000-01-01Z');
INSERT INTO numbers SELECT id + 100, i2, i8, n12_2, n38_10, n10_0, n, f4, f8, money FROM numbers;
INSERT INTO numbers VALUES
  (103, 32767, 9223372036854775807, 0.00, -0.0000000001, 0, 0.000000000000000000001, 1e-30,
   1.7976931348623157e308, -0.01),
  (104, 0, 0, 9999999999.99, 1, -1, 123456789012345678901234567890.5, 16777216, 5e-324, 0),
  (105, NULL, NULL, NULL, NULL, NULL, 100, 'NaN', 'NaN', NULL),
  (106, NULL, NULL, NULL, NULL, NULL, 1e10, 'Infinity', '-Infinity', NULL);
INSERT INTO numbers (id, n12_2, n) VALUES (111, 'NaN', 'NaN'), (112, NULL, 'Infinity'),
  (113, NULL, '-Infinity');
INSERT INTO others SELECT id + 100, flag, bytes, j, jb, u, mood, texts, ints, c5, v10, b1, b8, inet,
  range, point, "备注" FROM others;
INSERT INTO others VALUES
  (103, false, ''::bytea, 'null', '[]', NULL, '坏', '{}', '{}', '', '', B'0', B'00000000', '::1',
   'empty', NULL, '');
