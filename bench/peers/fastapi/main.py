"""The tasks API on FastAPI, SQLModel and PyJWT: synchronous endpoints and a synchronous session, as usual."""

import os
from datetime import datetime, timedelta, timezone
from typing import Annotated, Optional

import bcrypt
import jwt
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from sqlalchemy import Column, DateTime
from sqlmodel import Field, Session, SQLModel, create_engine, select

SECRET = os.environ["BETTER_AUTH_SECRET"]
URL = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
engine = create_engine(URL, pool_size=10, max_overflow=10, pool_pre_ping=True)
app = FastAPI()
bearer = HTTPBearer()


def utcnow() -> datetime:
    return datetime.now(timezone.utc)


def moment():
    return Field(default_factory=utcnow, sa_column=Column(DateTime(timezone=True), nullable=False))


class Task(SQLModel, table=True):
    __tablename__ = "tasks"
    id: Optional[int] = Field(default=None, primary_key=True)
    user_id: str = Field(index=True)
    title: str = Field(min_length=1, max_length=200)
    description: Optional[str] = Field(default=None, max_length=1000)
    completed: bool = Field(default=False)
    created_at: datetime = moment()
    updated_at: datetime = moment()


class AuthUser(SQLModel, table=True):
    __tablename__ = "auth_users"
    id: str = Field(primary_key=True)
    email: str = Field(unique=True)
    password_hash: str


class TaskIn(BaseModel):
    title: Annotated[str, Field(min_length=1, max_length=200)]
    description: Annotated[Optional[str], Field(max_length=1000)] = None


class TaskOut(BaseModel):
    id: int
    user_id: str
    title: str
    description: Optional[str]
    completed: bool
    created_at: datetime
    updated_at: datetime


class Login(BaseModel):
    email: str
    password: str


def get_session():
    with Session(engine) as session:
        yield session


def current_user(credentials: HTTPAuthorizationCredentials = Depends(bearer)) -> str:
    try:
        claims = jwt.decode(credentials.credentials, SECRET, algorithms=["HS256"], options={"verify_aud": False})
        return claims["sub"]
    except (jwt.PyJWTError, KeyError):
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Invalid or expired token") from None


def path_user(user_id: str, current: str = Depends(current_user)) -> str:
    if user_id != current:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "Access denied")
    return user_id


User = Annotated[str, Depends(path_user)]
Database = Annotated[Session, Depends(get_session)]


def one(session: Session, user: str, task_id: int) -> Task:
    task = session.exec(select(Task).where(Task.id == task_id, Task.user_id == user)).first()
    if task is None:
        raise HTTPException(404, "Task not found")
    return task


def saved(session: Session, task: Task) -> Task:
    session.add(task)
    session.commit()
    session.refresh(task)
    return task


@app.get("/health")
def health():
    return {"status": "ok"}


@app.get("/api/{user_id}/tasks", response_model=list[TaskOut])
def list_tasks(user: User, session: Database):
    tasks = select(Task).where(Task.user_id == user).order_by(Task.created_at.desc(), Task.id.desc())
    return session.exec(tasks).all()


@app.post("/api/{user_id}/tasks", response_model=TaskOut, status_code=201)
def create_task(body: TaskIn, user: User, session: Database):
    return saved(session, Task(user_id=user, title=body.title, description=body.description))


@app.get("/api/{user_id}/tasks/{task_id}", response_model=TaskOut)
def get_task(task_id: int, user: User, session: Database):
    return one(session, user, task_id)


@app.patch("/api/{user_id}/tasks/{task_id}/complete", response_model=TaskOut)
def complete_task(task_id: int, user: User, session: Database):
    task = one(session, user, task_id)
    task.completed, task.updated_at = not task.completed, utcnow()
    return saved(session, task)


@app.post("/api/auth/sign-in/email")
def sign_in(body: Login, session: Database):
    user = session.exec(select(AuthUser).where(AuthUser.email == body.email)).first()
    if user is None or not bcrypt.checkpw(body.password.encode(), user.password_hash.encode()):
        raise HTTPException(401, "Invalid email or password")
    claims = {"sub": user.id, "exp": utcnow() + timedelta(days=7)}
    return {"token": jwt.encode(claims, SECRET, "HS256"), "user": {"id": user.id, "email": user.email}}
