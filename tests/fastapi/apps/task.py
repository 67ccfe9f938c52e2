"""SQLModel's default name `task`, with `completed`, an owner that may be null, and tags in tables of their own."""

from datetime import datetime, timezone
from typing import List, Optional

from sqlmodel import Field, Relationship, SQLModel


class TaskTag(SQLModel, table=True):
    task_id: Optional[int] = Field(default=None, foreign_key="task.id", primary_key=True)
    tag_id: Optional[int] = Field(default=None, foreign_key="tag.id", primary_key=True)


class Tag(SQLModel, table=True):
    id: Optional[int] = Field(default=None, primary_key=True)
    name: str = Field(index=True)


def now() -> datetime:
    return datetime.now(timezone.utc).replace(tzinfo=None)


class Task(SQLModel, table=True):
    id: Optional[int] = Field(default=None, primary_key=True)
    user_id: Optional[str] = Field(default=None, index=True)
    title: str = Field(max_length=200)
    description: Optional[str] = None
    completed: bool = False
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)
    tags: List[Tag] = Relationship(link_model=TaskTag)


urgent = Tag(name="urgent")


def task(owner, title, description, done, created, updated):
    row = Task(user_id=owner, title=title, description=description, completed=done, created_at=created, updated_at=updated)
    row.tags = [] if done else [urgent]
    return row


def is_done(row: Task) -> bool:
    return row.completed
