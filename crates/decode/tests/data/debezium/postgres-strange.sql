-- Values that have no counterpart in most types elsewhere, each in a row of its own.

-- step before
INSERT INTO times (id, d) VALUES (8, 'infinity'), (9, '-infinity'), (10, '0044-03-15 BC');

-- step strange
INSERT INTO times (id, d) VALUES (111, 'infinity'), (112, '-infinity'), (113, '0044-03-15 BC'),
  (114, '20000-01-01');
INSERT INTO times (id, ts0, ts3, ts6) VALUES
  (115, 'infinity', 'infinity', 'infinity'),
  (116, '-infinity', '-infinity', '-infinity'),
  (117, '0044-03-15 12:00 BC', '0044-03-15 12:00 BC', '0044-03-15 12:00 BC'),
  (118, '20000-01-01', '20000-01-01', '20000-01-01');
INSERT INTO times (id, tstz) VALUES (119, 'infinity'), (120, '-infinity'),
  (121, '0044-03-15 12:00Z BC'), (122, '20000-01-01Z');
INSERT INTO numbers (id, n12_2) VALUES (111, 'NaN');
INSERT INTO numbers (id, n) VALUES (112, 'NaN'), (113, 'Infinity'), (114, '-Infinity');
