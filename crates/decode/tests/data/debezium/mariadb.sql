-- What is done to MariaDB while the connectors listen; see postgres.sql.

-- step before
CREATE TABLE resident (
  id integer PRIMARY KEY,
  `姓名` varchar(50) NOT NULL,
  phone varchar(20),
  note text,
  amount decimal(12, 2) NOT NULL,
  opened date,
  updated_at timestamp(6) NULL
);
CREATE TABLE bill (
  account_no varchar(20),
  bill_month date,
  amount decimal(14, 2),
  paid boolean NOT NULL DEFAULT false,
  PRIMARY KEY (account_no, bill_month)
);
CREATE TABLE kinds (
  id integer PRIMARY KEY,
  t1 tinyint,
  b1 boolean,
  u8 bigint unsigned,
  n12_2 decimal(12, 2),
  n10_0 decimal(10, 0),
  f4 float,
  f8 double,
  d date,
  t0 time,
  t6 time(6),
  dt0 datetime,
  dt3 datetime(3),
  dt6 datetime(6),
  ts0 timestamp NULL,
  ts6 timestamp(6) NULL,
  y year,
  j json,
  mood enum('好', 'so-so', '坏'),
  tags set('甲', '乙'),
  bytes varbinary(16),
  b8 bit(8),
  c5 char(5),
  u uuid,
  `备注` text
);
CREATE TABLE done (step varchar(20) PRIMARY KEY);
INSERT INTO resident VALUES
  (1, '张三', '13800000001', NULL, 1.50, '2020-01-31', '2020-04-07 00:30:00.123456'),
  (2, '欧阳"娜娜"', NULL, REPEAT('长', 700), -0.05, NULL, '2020-04-07 00:30:00');
INSERT INTO bill VALUES ('0230001', '2020-03-01', 45.67, true);
INSERT INTO kinds VALUES
  (1, -128, true, 18446744073709551615, -1234567890.12, 1234, 3.5, 0.1, '2020-04-07', '08:30:01',
   '08:30:01.123456', '2020-04-07 08:30:01', '2020-04-07 08:30:01.123',
   '2020-04-07 08:30:01.123456', '2020-04-07 08:30:01', '2020-04-07 08:30:01.123456', 2020,
   '{"a": 1, "键": [1, 2.50]}', '好', '甲,乙', x'00ff10', b'10100000', 'ab',
   '6fa459ea-ee8a-3ca4-894e-db77e160355e', '换行\n"引号"\\'),
  (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

-- step create
INSERT INTO resident VALUES
  (3, '李四', '13800000003', REPEAT('短', 10), 0.00, '2020-02-29', '2020-04-07 01:00:00'),
  (4, '王五', NULL, REPEAT('长', 700), 99999999.99, '1900-01-01', '2020-04-07 01:00:00');

-- step update
UPDATE resident SET phone = '13900000001' WHERE id = 1;
UPDATE resident SET amount = amount + 1 WHERE id IN (2, 4);

-- step key_change
UPDATE resident SET id = 20 WHERE id = 2;
UPDATE bill SET bill_month = '2020-04-01' WHERE account_no = '0230001';

-- step delete
DELETE FROM resident WHERE id = 3;
DELETE FROM bill;

-- step several_tables
START TRANSACTION;
INSERT INTO bill VALUES ('0230002', '2020-03-01', NULL, false), ('0230002', '2020-04-01', 1, true);
UPDATE resident SET amount = 8 WHERE id = 1;
DELETE FROM bill WHERE account_no = '0230002' AND bill_month = '2020-03-01';
INSERT INTO bill VALUES ('0230002', '2020-03-01', 2, true);
COMMIT;

-- step types
INSERT INTO kinds SELECT id + 100, t1, b1, u8, n12_2, n10_0, f4, f8, d, t0, t6, dt0, dt3, dt6, ts0,
  ts6, y, j, mood, tags, bytes, b8, c5, u, `备注` FROM kinds;
INSERT INTO kinds (id, d, t0, t6, dt0, dt3, dt6, ts0, ts6, y) VALUES
  (103, '0001-01-01', '-838:59:59', '-00:00:00.000001', '0001-01-01', '0001-01-01', '0001-01-01',
   '1970-01-01 00:00:01', '1970-01-01 00:00:01', 1901),
  (104, '9999-12-31', '838:59:59', '23:59:59.999999', '9999-12-31 23:59:59',
   '9999-12-31 23:59:59.999', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07',
   '2038-01-19 03:14:07.999999', 2155);
SET sql_mode = '';
INSERT INTO kinds (id, d, dt0, ts0, y) VALUES (105, '0000-00-00', '0000-00-00', 0, 0);
SET sql_mode = DEFAULT;

-- step truncate
TRUNCATE bill;

-- step column
ALTER TABLE bill ADD COLUMN `新列` integer DEFAULT 7;
INSERT INTO bill VALUES ('0230003', '2020-03-01', 3, true, NULL);
