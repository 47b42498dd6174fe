CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER, word TEXT);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
INSERT INTO t SELECT i, i * 7919 % 1000003, printf('%08x', i * 2654435761 % 4294967296) FROM n;
CREATE INDEX by_word ON t (word);
SELECT count(*), sum(k), max(word) FROM t;
SELECT word FROM t ORDER BY k LIMIT 1;
SELECT sum(length(word) * rank) FROM (SELECT word, row_number() OVER (ORDER BY word DESC) AS rank FROM t);
