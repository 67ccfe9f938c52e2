"""The table `todos`, with uuids as ids, an enum as `status`, `owner_id`, times with a zone and tags as JSON."""

import uuid
from datetime import datetime, timezone
from enum import Enum
from typing import List, Optional

from sqlalchemy import JSON, Column, DateTime
from sqlmodel import Field, SQLModel


class TodoStatus(str, Enum):
    TODO = "todo"
    IN_PROGRESS = "in-progress"
    DONE = "done"


def now() -> datetime:
    return datetime.now(timezone.utc)


class Todo(SQLModel, table=True):
    __tablename__ = "todos"

    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
    owner_id: Optional[str] = Field(default=None, index=True)
    title: str = Field(max_length=200)
    description: Optional[str] = Field(default=None, max_length=1000)
    status: TodoStatus = Field(default=TodoStatus.TODO)
    tags: List[str] = Field(default_factory=list, sa_column=Column(JSON))
    created_at: datetime = Field(default_factory=now, sa_column=Column(DateTime(timezone=True), nullable=False))
    updated_at: datetime = Field(default_factory=now, sa_column=Column(DateTime(timezone=True), nullable=False))


def task(owner, title, description, done, created, updated):
    open_status = TodoStatus.TODO if created == updated else TodoStatus.IN_PROGRESS
    return Todo(
        owner_id=owner,
        title=title,
        description=description,
        status=TodoStatus.DONE if done else open_status,
        tags=["home", "garden"],
        created_at=created.replace(tzinfo=timezone.utc),
        updated_at=updated.replace(tzinfo=timezone.utc),
    )


def is_done(row: Todo) -> bool:
    return row.status == TodoStatus.DONE
