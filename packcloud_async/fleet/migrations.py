"""The tables of a fleet, and how they came to be.

1. Each step is applied once, in its order, and never changed afterwards: what is to be different is a further step.
2. They mirror the tables of a ledger in SQLite (:mod:`packcloud_async._io.ledger_file`): a run, its targets, their
   jobs. Ids of the API are kept as JSON in ASCII, because PostgreSQL refuses some of the texts that JSON can hold.
3. ``settled_by`` and ``ended_by`` are the transactions that wrote a result: whoever reads results in their order skips
   none that is committed late. ``started`` is copied out of the token of a result, which may not be readable.
4. ``epoch`` grows with each worker that takes up a target: what an earlier one still writes is refused.
5. ``look_at`` is when a target is to be looked at that is not in the queue of the engine yet.
6. ``by_workers`` tells the runs of a fleet from those of one process, which no worker may touch.
7. ``packcloud_analyze`` takes the statistics of what grows at once by a whole run: until autovacuum comes round the
   engine would hold each waiting job against all others.
"""

from typing import Final

MIGRATIONS: Final = (
    """
    CREATE TABLE packcloud_run (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL UNIQUE,
        document text NOT NULL,
        by_workers boolean NOT NULL,
        cancelled timestamptz,
        finished timestamptz
    );

    CREATE TABLE packcloud_target (
        run bigint NOT NULL REFERENCES packcloud_run ON DELETE CASCADE,
        number bigint NOT NULL,
        organization text NOT NULL,
        document text NOT NULL,
        state text NOT NULL,
        error text,
        settled_by xid8,
        epoch bigint NOT NULL DEFAULT 0,
        schedule text,
        requests bigint NOT NULL DEFAULT 0,
        PRIMARY KEY (run, number)
    );
    CREATE INDEX packcloud_target_waiting ON packcloud_target (run, number) WHERE state = 'waiting';
    CREATE INDEX packcloud_target_failed ON packcloud_target (run, settled_by, number) WHERE state = 'failed';
    CREATE INDEX packcloud_target_organization ON packcloud_target (organization);

    CREATE TABLE packcloud_job (
        run bigint NOT NULL,
        number bigint NOT NULL,
        target bigint NOT NULL,
        integration_id text NOT NULL,
        token text NOT NULL,
        finished boolean NOT NULL,
        error text,
        outcomes jsonb,
        started timestamptz,
        ended timestamptz,
        ended_by xid8,
        PRIMARY KEY (run, number),
        FOREIGN KEY (run, target) REFERENCES packcloud_target ON DELETE CASCADE
    );
    CREATE INDEX packcloud_job_open ON packcloud_job (run, target) WHERE NOT finished;
    CREATE INDEX packcloud_job_ended ON packcloud_job (run, ended_by, number) WHERE finished;

    CREATE TABLE packcloud_budget (
        name text PRIMARY KEY,
        next_at timestamptz NOT NULL DEFAULT '-infinity',
        paused_until timestamptz NOT NULL DEFAULT '-infinity'
    );
    """,
    """
    -- Each target that goes looks for its jobs.
    CREATE INDEX packcloud_job_target ON packcloud_job (run, target);
    """,
    """
    ALTER TABLE packcloud_target ADD COLUMN look_at timestamptz;
    CREATE INDEX packcloud_target_look ON packcloud_target (look_at) WHERE look_at IS NOT NULL;
    """,
    """
    -- For each job that it might fetch the engine looks for others with its lock.
    CREATE INDEX packcloud_engine_lock ON procrastinate_jobs (lock) WHERE status IN ('todo', 'doing');

    -- Only who owns a table may have its statistics taken. Names with their schema: it runs with the owner's rights.
    DO $do$
    BEGIN
        EXECUTE format(
            $format$
                CREATE FUNCTION %1$I.packcloud_analyze() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
                SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $function$
                BEGIN
                    ANALYZE %2$I.procrastinate_jobs, %1$I.packcloud_target, %1$I.packcloud_job;
                END
                $function$
            $format$,
            (SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'packcloud_target'::regclass),
            (SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'procrastinate_jobs'::regclass)
        );
    END
    $do$;
    """,
)
