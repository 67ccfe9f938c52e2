"""Runs an app in the folder apps on the database DATABASE_URL, and prints JSON.

    run.py seed APP OWNER...    creates the tables of the app, and rows for these owners; prints the tasks, newest first
    run.py add APP OWNER        adds a task, as the running app does; prints it in an array

The owner "" stands for null. For an app that has users of its own, an owner is an email address.
"""

import importlib
import json
import os
import sys
from datetime import datetime, timedelta, timezone

from sqlmodel import Session, SQLModel, create_engine, select

URL = os.environ["DATABASE_URL"]
START = datetime(2026, 1, 5, 9, 30, 0, 123456)

# Title, description, whether the task is done, and the time between START and its creation. Two tasks have the same time,
# and two have times in the same millisecond, which are rounded differently. The order of the ids is not that of the times.
SAMPLES = [
    ("Buy milk", "2 litres", False, timedelta()),
    ("Ship the release", None, True, timedelta(hours=1)),
    ("Réserver à l'hôtel “Zürich” 🏨", "日本語\nzweite Zeile\t\"quoted\" 'single' \\", True, timedelta(days=-400)),
    ("🦀" * 200, "", True, timedelta(days=2)),
    ("é" * 200, "ü" * 1000, False, timedelta(days=2, microseconds=100)),
    ("100 % done; drop table tasks; --", "{}", False, timedelta(days=3)),
    ("at the same time as another task", None, True, timedelta(days=3)),
    ("without a fraction of a second", None, True, timedelta(days=4, microseconds=-123456)),
    ("in the last moment of a year", None, False, datetime(2023, 12, 31, 23, 59, 59, 999999) - START),
    ("in an hour that summer time skips", None, True, datetime(2026, 3, 29, 2, 30) - START),
]


def open_engine():
    return create_engine(URL.replace("sqlite://", "sqlite:///", 1).replace("postgres://", "postgresql+psycopg://", 1))


def milliseconds(time):
    """Returns a time as Taskbridge writes it. A time without a zone is in UTC."""
    utc = time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time.astimezone(timezone.utc)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03}Z"


def insert(app, session, owners, samples):
    """Returns each new row with its owner."""
    ids = {owner: owner or None for owner in owners}
    if hasattr(app, "User"):
        ids = {owner: user_id(app, session, owner) if owner else None for owner in owners}
    rows = []
    for title, description, done, since in samples:
        for number, owner in enumerate(owners):
            created = START + since + timedelta(minutes=number)
            updated = created + timedelta(seconds=90) if done else created
            row = app.task(ids[owner], title, description, done, created, updated)
            session.add(row)
            # Each on its own, so that their ids are in this order.
            session.flush()
            rows.append((row, owner))
    session.commit()
    return rows


def user_id(app, session, email):
    user = session.exec(select(app.User).where(app.User.email == email)).first()
    if user is None:
        user = app.user(email)
        session.add(user)
        session.flush()
    return user.id


def shown(app, row, owner):
    return {
        "id": str(row.id),
        "user_id": owner,
        "title": row.title,
        "description": row.description,
        "completed": app.is_done(row),
        "created_at": milliseconds(row.created_at),
        "updated_at": milliseconds(row.updated_at),
    }


def write(name, owners, samples):
    app, engine = importlib.import_module(f"apps.{name}"), open_engine()
    SQLModel.metadata.create_all(engine)
    with Session(engine) as session:
        rows = insert(app, session, owners, samples)
        rows.sort(key=lambda row: (row[0].created_at, row[0].id), reverse=True)
        return [shown(app, *row) for row in rows]


def seed(name, *owners):
    return write(name, owners, SAMPLES)


def add(name, owner):
    return write(name, [owner], [("added later", "by the app", False, timedelta(days=100))])


COMMANDS = {command.__name__: command for command in [seed, add]}
print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
