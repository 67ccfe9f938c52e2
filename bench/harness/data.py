"""The content of the databases: each has the same users with the same tasks."""

import sqlite3
from datetime import datetime, timedelta, timezone

# u1 to u1000 with 20 tasks each; 800 of these users read, the others write.
USERS = [f"u{number}" for number in range(1, 1001)]
READERS, WRITERS = USERS[:800], USERS[800:]
TASKS = {**dict.fromkeys(USERS, 20), "heavy": 1_000, "pages": 10_000}
# The users that sign in, all with the same password.
EMAILS = [f"sign-in-{number}@example.com" for number in range(1, 33)]
PASSWORD = "password123"
# The bcrypt hash of that password, with cost 12.
HASH = "$2b$12$xXWHlDka0qT0186JH6ZvLeHqVPfimlc1DEYl1n5m245u8o.pwRUGi"

# The tables of the peers; Taskbridge creates its own.
PEERS_SCHEMA = f"""
CREATE TABLE tasks (
  id bigserial PRIMARY KEY, user_id text NOT NULL, title varchar(200) NOT NULL, description varchar(1000),
  completed boolean NOT NULL DEFAULT false, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL);
CREATE INDEX tasks_user_id ON tasks (user_id);
CREATE TABLE auth_users (id text PRIMARY KEY, email text NOT NULL UNIQUE, password_hash text NOT NULL);
INSERT INTO auth_users
SELECT 'sign-in-' || n, 'sign-in-' || n || '@example.com', '{HASH}' FROM generate_series(1, {len(EMAILS)}) n;
"""
# Better Auth's table, to which tasks refer if it exists.
USER_ROWS = """
INSERT INTO "user" (id, name, email, "emailVerified", "createdAt", "updatedAt")
SELECT name, name, name || '@tasks.example.com', false, now(), now() FROM unnest(ARRAY[{users}]) name;
"""
NEW_TITLE = "A new task, made by the load generator"
CLEAN = f"DELETE FROM tasks WHERE title = '{NEW_TITLE}';\nVACUUM tasks;"


def task_rows(user, first, last, users=1):
    """Returns a statement that inserts tasks of users; `user` is an SQL expression with their number `u`."""
    return f"""
INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at)
SELECT {user}, 'Task ' || n || ': buy milk, call home, water the plants',
  CASE WHEN n % 4 > 0 THEN 'A description of some sixty characters, as people write, no. ' || n END, n % 3 = 0,
  timestamptz '2026-01-01' + n * interval '61.123 seconds', timestamptz '2026-02-01' + n * interval '67.123 seconds'
FROM generate_series({first}, {last}) n, generate_series(1, {users}) u;
"""


def seed(postgres, database):
    """Fills the existing tables."""
    if postgres.sql(database, """SELECT to_regclass('"user"')"""):
        add_users(postgres, database, TASKS)
    rows = [
        task_rows("'u' || u", 1, 20, len(USERS)),
        *(task_rows(f"'{name}'", 1, TASKS[name]) for name in ("heavy", "pages")),
    ]
    postgres.sql(database, "".join(rows) + "VACUUM ANALYZE;")


def add_users(postgres, database, names):
    users = ", ".join(f"'{name}'" for name in names)
    postgres.sql(database, USER_ROWS.format(users=users))


def task_ids(postgres, database):
    """Returns the ids of each user's tasks."""
    ids = {}
    for line in postgres.sql(database, "SELECT user_id || ' ' || id FROM tasks ORDER BY id").splitlines():
        user, number = line.split(" ")
        ids.setdefault(user, []).append(number)
    return ids


def task_ids_of(postgres, database, user):
    """Returns the ids of one user's tasks."""
    return postgres.sql(database, f"SELECT id FROM tasks WHERE user_id = '{user}' ORDER BY id").splitlines()


SQLITE_USER = """
INSERT INTO "user" (id, name, email, "emailVerified", "createdAt", "updatedAt") VALUES (?, ?, ?, ?, ?, ?)
"""
SQLITE_TASK = """
INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)
"""
PEERS_SQLITE = """
CREATE TABLE tasks (
  id INTEGER PRIMARY KEY, user_id TEXT NOT NULL, title TEXT NOT NULL, description TEXT, completed BOOLEAN NOT NULL,
  created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL);
CREATE INDEX tasks_user_id ON tasks (user_id, created_at DESC, id DESC);
"""


def seed_sqlite(path, own_tables):
    """Inserts the same tasks into a SQLite file. Missing tables are created as for the peers."""
    begin = datetime(2026, 1, 1, tzinfo=timezone.utc)

    def moment(seconds):
        return (begin + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def rows():
        for user in USERS:
            for n in range(1, 21):
                text = f"A description of some sixty characters, as people write, no. {n}" if n % 4 else None
                times = moment(n * 61.123), moment(31 * 86400 + n * 67.123)
                yield user, f"Task {n}: buy milk, call home, water the plants", text, n % 3 == 0, *times

    database = sqlite3.connect(path, timeout=30)
    with database:
        if own_tables:
            users = ((user, user, f"{user}@tasks.example.com", 0, moment(0), moment(0)) for user in USERS)
            database.executemany(SQLITE_USER, users)
        else:
            database.executescript("PRAGMA journal_mode = WAL;" + PEERS_SQLITE)
        database.executemany(SQLITE_TASK, rows())
    database.execute("ANALYZE")
    database.close()
