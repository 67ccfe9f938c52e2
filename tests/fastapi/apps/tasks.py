"""The table `tasks`, with `is_completed`, integer ids and times without a zone."""

from datetime import datetime
from typing import Optional

from sqlmodel import Field, SQLModel


class Task(SQLModel, table=True):
    __tablename__ = "tasks"

    id: Optional[int] = Field(default=None, primary_key=True)
    user_id: str = Field(index=True)
    title: str = Field(min_length=1, max_length=200)
    description: Optional[str] = Field(default=None, max_length=1000)
    is_completed: bool = Field(default=False, index=True)
    priority: str = Field(default="medium")
    due_date: Optional[datetime] = None
    created_at: datetime = Field(default_factory=datetime.utcnow)
    updated_at: datetime = Field(default_factory=datetime.utcnow)


def task(owner, title, description, done, created, updated):
    return Task(
        user_id=owner or "",
        title=title,
        description=description,
        is_completed=done,
        priority="high" if done else "low",
        due_date=None if done else updated,
        created_at=created,
        updated_at=updated,
    )


def is_done(row: Task) -> bool:
    return row.is_completed
