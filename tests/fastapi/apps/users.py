"""The app's own table `users`, whose integer ids own the rows of `task`, with `done`."""

from datetime import datetime
from typing import Optional

from sqlmodel import Field, SQLModel


class User(SQLModel, table=True):
    __tablename__ = "users"

    id: Optional[int] = Field(default=None, primary_key=True)
    email: str = Field(unique=True, index=True, max_length=255)
    hashed_password: str
    full_name: Optional[str] = None
    is_active: bool = True
    created_at: datetime = Field(default_factory=datetime.utcnow)


class Task(SQLModel, table=True):
    id: Optional[int] = Field(default=None, primary_key=True)
    user_id: Optional[int] = Field(default=None, foreign_key="users.id", index=True)
    title: str = Field(max_length=200)
    description: Optional[str] = Field(default=None, max_length=1000)
    done: bool = False
    created_at: datetime = Field(default_factory=datetime.utcnow)
    updated_at: datetime = Field(default_factory=datetime.utcnow)


def user(email: str) -> User:
    return User(email=email, hashed_password="$2b$12$" + "x" * 53, full_name=email.split("@")[0])


def task(owner, title, description, done, created, updated):
    return Task(user_id=owner, title=title, description=description, done=done, created_at=created, updated_at=updated)


def is_done(row: Task) -> bool:
    return row.done
