-- Engines that may not be used now: until a time, or without one until a person has paid or logged in.

CREATE VIEW live_holds AS
SELECT name, value ->> 'kind' AS kind, value ->> 'reason' AS reason, (value ->> 'until')::double precision AS until
FROM limits
WHERE name LIKE 'hold:%'
  AND (value ->> 'until' IS NULL OR (value ->> 'until')::double precision > extract(epoch FROM clock_timestamp()));
