"""The tables of a fleet, and how they came to be.

1. Each step is applied once, in its order, and never changed afterwards: what is to be different is a further step.
2. They mirror the tables of a ledger in SQLite (:mod:`packcloud_async._io.ledger_file`): a run, its targets, their
   jobs. Ids of the API are kept as JSON in ASCII, because PostgreSQL refuses some of the texts that JSON can hold.
"""

from typing import Final

MIGRATIONS: Final = (
    """
    CREATE TABLE packcloud_run (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL UNIQUE,
        document text NOT NULL,
        holder text,
        finished timestamptz,
        cancelled timestamptz
    );

    CREATE TABLE packcloud_target (
        run bigint NOT NULL REFERENCES packcloud_run ON DELETE CASCADE,
        number bigint NOT NULL,
        state text NOT NULL,
        error text,
        document text NOT NULL,
        PRIMARY KEY (run, number)
    );
    CREATE INDEX packcloud_target_waiting ON packcloud_target (run, number) WHERE state = 'waiting';

    CREATE TABLE packcloud_job (
        run bigint NOT NULL,
        number bigint NOT NULL,
        target bigint NOT NULL,
        integration_id text NOT NULL,
        token text NOT NULL,
        finished boolean NOT NULL,
        error text,
        PRIMARY KEY (run, number),
        FOREIGN KEY (run, target) REFERENCES packcloud_target ON DELETE CASCADE
    );
    CREATE INDEX packcloud_job_open ON packcloud_job (run, target) WHERE NOT finished;
    """,
)
