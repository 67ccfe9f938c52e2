"""The table `tasks` with the names that Taskbridge uses, integer ids and times without a zone."""

from datetime import datetime
from typing import Optional

from sqlmodel import Field, SQLModel


class Task(SQLModel, table=True):
    __tablename__ = "tasks"

    id: Optional[int] = Field(default=None, primary_key=True)
    user_id: str = Field(index=True)
    title: str = Field(max_length=200)
    description: Optional[str] = Field(default=None, max_length=1000)
    completed: bool = Field(default=False)
    due_date: Optional[datetime] = None
    created_at: datetime = Field(default_factory=datetime.utcnow)
    updated_at: datetime = Field(default_factory=datetime.utcnow)


def task(owner, title, description, done, created, updated):
    return Task(
        user_id=owner or "",
        title=title,
        description=description,
        completed=done,
        due_date=updated,
        created_at=created,
        updated_at=updated,
    )


def is_done(row: Task) -> bool:
    return row.completed
