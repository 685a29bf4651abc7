"""What a database is made of, as comparable text: tables, columns, constraints, indexes, and what runs on changes."""

import psycopg

_OF_THE_RUNNER = "schema_migrations"
_PARTS = {
    "column": """
        SELECT c.relkind, c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid), a.attcollation::regcollation,
               col_description(c.oid, a.attnum)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0
          AND NOT a.attisdropped""",
    "constraint": """
        SELECT conrelid::regclass::text, conname, contype, pg_get_constraintdef(oid), convalidated
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "index": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "trigger": "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "view": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
    "sequence": """
        SELECT sequencename, data_type, start_value, increment_by, min_value, max_value, cycle
        FROM pg_sequences WHERE schemaname = 'public'""",
    "function": """
        SELECT p.proname, pg_get_functiondef(p.oid) FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.prokind IN ('f', 'p')
          AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')""",
    "enum": """
        SELECT t.typname, array_agg(e.enumlabel ORDER BY e.enumsortorder)::text
        FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid GROUP BY t.typname""",
    "domain": """
        SELECT typname, format_type(typbasetype, typtypmod), typnotnull, typdefault FROM pg_type
        WHERE typtype = 'd' AND typnamespace = 'public'::regnamespace""",
    "extension": "SELECT extname FROM pg_extension",
    "comment": """
        SELECT objoid::regclass::text, description FROM pg_description
        JOIN pg_class c ON c.oid = objoid WHERE c.relnamespace = 'public'::regnamespace AND objsubid = 0""",
    "option": """
        SELECT relname, reloptions::text, relpersistence::text FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'i')""",
}  # fmt: skip


def catalog(dsn: str) -> list[str]:
    """One line for each part, sorted; the migration runner's own table is left out."""
    with psycopg.connect(dsn) as connection:
        lines = [" | ".join([part, *map(str, row)]) for part, statement in _PARTS.items() for row in connection.execute(statement.encode())]
    return sorted(line for line in lines if _OF_THE_RUNNER not in line)
