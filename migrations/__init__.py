"""The way of a database from empty to today, as numbered SQL files; `schema.sql` shows where it ends.

Rules:
- A file is named `0002_what_it_does.sql`. Numbers have no gap and only grow. One change each.
- Forward only. A file is never edited once it has been released: the runner compares checksums and refuses.
- Each file runs in one transaction together with its row in `schema_migrations`, so a kill leaves all or nothing.
  What cannot run in a transaction (`CREATE INDEX CONCURRENTLY`, `COMMIT`) cannot be in a file.
- A leading line `-- extension: vector` has the extension created, and committed, before the file runs.
- The new schema must serve the code before it too, since a running factory is stopped after, not before, it is made.
- `schema.sql` is changed together with them; a test holds the two equal.
"""

OWNER = "software-factory"
"""Any project may ship a top-level `migrations`; the runner takes the files only from the package that says this."""
