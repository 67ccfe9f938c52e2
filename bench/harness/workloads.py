"""What is measured: for each workload its requests, and how they are sent."""

import json
from dataclasses import dataclass

from . import data
from .tokens import ORIGIN, spoilt


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    requests: str
    connections: int = 64
    # How many times as long as others it is measured: answers that take long need it.
    length: float = 1
    # Seconds before it is measured, each time.
    warm: float = 0.4
    rate: float = 0
    status: int = 0
    # Whether it leaves something in the table.
    writes: bool = False
    # Whether 32 clients sign in at the same time.
    storm: bool = False
    # The server that others are compared to.
    base: str = "limit"


CONNECTIONS = (1, 4, 16, 64, 256, 1024)
WORKLOADS = [
    Workload("W1", "list of 20 tasks", "list"),
    Workload("W2", "one task", "one"),
    Workload("W3", "create", "create", writes=True),
    Workload("W4", "complete", "complete", writes=True),
    Workload("W5", "80 % list, 10 % create, 10 % complete", "mixed", writes=True),
    Workload("W6", "list with a wrong signature: 401", "rejected", status=401),
    Workload("heavy", "list of 1,000 tasks, 4 connections", "heavy", connections=4),
    Workload("sqlite", "list of 20 tasks on embedded SQLite", "list", base="sqlite-bare"),
    *(Workload(f"W10:{n}", f"list of 20 tasks, {n} connections", "list", connections=n) for n in CONNECTIONS),
    Workload("W9", "get-session by cookie", "session", base="better-auth"),
    Workload("W7", "sign-in, 16 clients", "sign_in", connections=16, length=8, warm=3, base="fastify"),
    Workload("W8:calm", "list, 100 per second", "list", connections=32, length=5, rate=100, base="fastify"),
    Workload(
        "W8:storm",
        "the same while 32 clients sign in",
        "list",
        connections=32,
        length=5,
        rate=100,
        storm=True,
        base="fastify",
    ),
    Workload("evenly", "sign-in, one a second", "sign_in", connections=8, length=15, rate=1, base="taskbridge"),
]
# Measured apart: these have no table of their own.
APART = ["memory", "growth"]


def chosen(only):
    """The names that somebody asks for, without what is behind the colon, and the workloads they stand for."""
    known = list(dict.fromkeys(workload.name.split(":")[0] for workload in WORKLOADS)) + APART
    wanted = only or known
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise SystemExit(f"bench: no workload is named {', '.join(unknown)}; there are {', '.join(known)}")
    return wanted, [workload for workload in WORKLOADS if workload.name.split(":")[0] in wanted]


def raw(server, method, path, headers, body=None):
    """A request as it goes over the wire."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = {"Host": f"127.0.0.1:{server.port}", "Accept": "*/*", "Origin": ORIGIN, **headers}
    if body is not None:
        lines["Content-Type"] = "application/json"
    if method != "GET":
        lines["Content-Length"] = str(len(content))
    head = "".join(f"{key}: {value}\r\n" for key, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content


class Requests:
    """The requests of every workload for one server, by the names in WORKLOADS."""

    def __init__(self, server, ids):
        self.server, self.ids = server, ids

    def make(self, name):
        return getattr(self, name)()

    def list(self):
        return [self._list(user) for user in data.READERS]

    def one(self):
        return [self._get(user, self.ids[user][n]) for n in range(4) for user in data.READERS]

    def create(self):
        return [self._create(user) for user in data.WRITERS]

    def complete(self):
        return [self._complete(user, n) for n in range(20) for user in data.WRITERS]

    def mixed(self):
        made = []
        for n in range(2000):
            writer = data.WRITERS[n % len(data.WRITERS)]
            if n % 10 == 3:
                made.append(self._create(writer))
            elif n % 10 == 7:
                made.append(self._complete(writer, n % 20))
            else:
                made.append(self._list(data.READERS[n * 7 % len(data.READERS)]))
        return made

    def rejected(self):
        return [self._list(user, spoilt) for user in data.READERS]

    def heavy(self):
        path = self.server.description.get("heavy", "/api/heavy/tasks")
        return [raw(self.server, "GET", path, self.server.bearer("heavy"))]

    def sign_in(self):
        bodies = [{"email": email, "password": data.PASSWORD} for email in data.EMAILS]
        return [raw(self.server, "POST", "/api/auth/sign-in/email", {}, body) for body in bodies]

    def session(self):
        return [raw(self.server, "GET", "/api/auth/get-session", {"Cookie": cookie}) for cookie in self.server.cookies]

    def _list(self, user, change=lambda token: token):
        headers = {key: change(value) for key, value in self.server.bearer(user).items()}
        return raw(self.server, "GET", f"/api/{user}/tasks", headers)

    def _get(self, user, number):
        return raw(self.server, "GET", f"/api/{user}/tasks/{number}", self.server.bearer(user))

    def _create(self, user):
        body = {"title": data.NEW_TITLE, "description": "With a description of the usual length, some sixty letters"}
        return raw(self.server, "POST", f"/api/{user}/tasks", self.server.bearer(user), body)

    def _complete(self, user, n):
        path = f"/api/{user}/tasks/{self.ids[user][n]}/complete"
        return raw(self.server, "PATCH", path, self.server.bearer(user))
