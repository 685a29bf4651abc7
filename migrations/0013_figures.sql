-- What a worker uses of its machine, where its host counts it: processors, bytes, processes. Nothing is known while they are NULL.
ALTER TABLE workers
    ADD COLUMN cpu          double precision,
    ADD COLUMN memory       bigint,
    ADD COLUMN memory_limit bigint,
    ADD COLUMN pids         integer;
