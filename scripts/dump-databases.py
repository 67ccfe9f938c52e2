#!/usr/bin/env python3
"""Records the databases of a release, for the tests of upgrades:

    scripts/with-postgres.sh scripts/dump-databases.py target/debug/taskbridge 0.2

runs this binary on new databases, fills them through its API, and writes them to tests/vectors/databases/0.2: a dump of each
mode on each database, and facts.json with what the binary answered. Record a release once, when it is made, and never again.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

VECTORS = Path(__file__).resolve().parent.parent / "tests/vectors"
SECRET = "recorded-secret-not-for-production-0123456789abcdef"
APP = "http://app.example.test"
MANY = 100

# The lists that are recorded for each user: all tasks, and the first page of some others.
LISTS = ["?limit=1000", "?sort=title&order=asc&limit=9", "?sort=updated_at&completed=true&limit=9", "?q=caf%C3%89"]

# What a title or a description may contain.
TASKS = [
    {"title": "Buy milk", "description": None},
    {"title": "Café crème, žluťoučký kůň", "description": "CAFÉ in capitals, and café"},
    {"title": "買い物 🛒 👩‍👩‍👧‍👦", "description": "مرحبا بالعالم", "completed": True},
    {"title": "O'Reilly's \"quotes\" \\ back\\\\slashes; -- no comment", "description": "first line\n\tsecond line\r\n"},
    {"title": "buy milk", "description": "", "completed": True},
    {"title": "%_ $1 ? {} <b>&amp;</b>", "description": "\u200b\ufeff\u0301"},
    {"title": "t" * 200, "description": "ü" * 1000},
]


class Server:
    """A running binary, which ends at the end of the block."""

    def __init__(self, binary, folder, **settings):
        self.binary, self.folder = binary, folder
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "PORT": "0",
            "BETTER_AUTH_SECRET": SECRET,
            "BETTER_AUTH_URL": APP,
            "RATE_LIMIT": "off",
            "TASKBRIDGE__LOG__FORMAT": "json",
            "TASKBRIDGE__PASSWORDS__BCRYPT_COST": "10",
            **settings,
        }

    def __enter__(self):
        command = [self.binary, "serve"]
        self.process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stderr=subprocess.PIPE, text=True)
        log = []
        for line in self.process.stderr:
            log.append(line)
            if '"message":"ready"' in line:
                self.base = "http://" + re.search(r'"address":"([^"]+)"', line)[1]
                return self
        sys.exit("the server did not start:\n" + "".join(log))

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate()

    def run(self, *arguments):
        """Runs another command with the same settings."""
        subprocess.run([self.binary, *arguments], cwd=self.folder, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def send(self, method, path, body=None, expected=(200, 201, 204), **headers):
        """Sends a request, and returns the headers and the JSON of the answer."""
        headers = {"origin": APP, **headers}
        if body is not None:
            body, headers["content-type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(self.base + path, body, headers, method=method)
        try:
            answer = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            answer = error
        text = answer.read()
        if answer.status not in expected:
            sys.exit(f"{method} {path}: {answer.status} {text}")
        return answer.headers, json.loads(text) if text else None

    def auth(self, path, body, **more):
        """Sends a request that opens a session, and returns the session."""
        headers, answer = self.send("POST", "/api/auth" + path, body, **more)
        cookies = [cookie.split(";")[0] for cookie in headers.get_all("set-cookie", [])]
        if answer is None or "user" not in answer:
            return None
        return {"cookie": "; ".join(cookies), "token": answer["token"]} | {"user": answer["user"]["id"]}


def hs256(subject):
    """Signs an access token with the secret."""
    encode = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    now = int(time.time())
    claims = {"sub": subject, "iat": now, "exp": now + 300, "iss": APP, "aud": APP}
    message = ".".join(encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{message}.{encode(hmac.digest(SECRET.encode(), message.encode(), hashlib.sha256))}"


class Tasks:
    """The tasks of one user."""

    def __init__(self, server, user, token):
        self.server, self.path, self.headers = server, f"/api/{user}/tasks", {"authorization": f"Bearer {token}"}

    def send(self, method, rest="", body=None):
        return self.server.send(method, self.path + rest, body, **self.headers)[1]

    def add(self, **task):
        return self.send("POST", body=task)["id"]

    def lists(self):
        return {query: self.send("GET", query) for query in LISTS}


def fill(first, second, third):
    """Creates the tasks of three users. Returns the highest id, which belongs to a deleted task."""
    kept = [first.add(**task) for task in TASKS]
    first.send("PUT", f"/{kept[0]}", {"title": "Buy oat milk", "completed": True})
    first.send("PATCH", f"/{kept[1]}/complete")
    first.send("PUT", f"/{kept[2]}", {"description": None})
    for number in range(MANY):
        # The titles are in a different order than the ids.
        second.add(title=f"Task {number * 37 % MANY}", description=None, completed=number % 3 == 0)
    for number in range(0, MANY, 20):
        second.send("DELETE", f"/{kept[-1] + 1 + number}")
    third.add(title="The only one")
    gone = [third.add(title="gone") for _ in range(3)]
    for task in gone:
        third.send("DELETE", f"/{task}")
    return gone[-1]


def record_server(binary, folder, url):
    """Fills a database in server mode, and returns its facts."""
    settings = {"DATABASE_URL": url, "AUTH_MODE": "server"}
    people = [
        {"name": "Ann Example", "email": "ann@example.test", "password": "correct horse battery"},
        {"name": "Bøb 漢字 🙂", "email": "bob@example.test", "password": "ünïcödé-ﬁ-pässwörd"},
        {"name": "Carl O'Neil", "email": "carl+tasks@example.test", "password": "another long password"},
    ]
    sessions = []

    def sign_up(server, person):
        sessions.append(server.auth("/sign-up/email", person))

    with Server(binary, folder, JWT_ALGORITHM="ES256", TASKBRIDGE__PASSWORDS__WRITE="bcrypt", **settings) as server:
        sign_up(server, people[0])
    with Server(binary, folder, JWT_ALGORITHM="EdDSA", TASKBRIDGE__PASSWORDS__WRITE="scrypt", **settings) as server:
        sign_up(server, people[1])
        sign_up(server, people[2])
        server.run("keys", "rotate")
    # With rate limits, whose counters are kept in the database.
    limits = {"RATE_LIMIT": "on", "TASKBRIDGE__RATE_LIMIT__STORAGE": "database"}
    with Server(binary, folder, JWT_ALGORITHM="EdDSA", **limits, **settings) as server:
        wrong = {"email": people[1]["email"], "password": "wrong horse battery"}
        server.auth("/sign-in/email", wrong, expected=[401])
        sessions.append(server.auth("/sign-in/email", people[0]))
        sessions.append(server.auth("/sign-in/email", people[2] | {"rememberMe": False}))
    with Server(binary, folder, JWT_ALGORITHM="EdDSA", **settings) as server:
        server.send("POST", "/api/auth/update-user", {"name": "Ann Éxample", "image": "https://cdn.example.test/ann.png"},
                    cookie=sessions[0]["cookie"])
        tasks = []
        for session in sessions[:3]:
            token = server.send("GET", "/api/auth/token", cookie=session["cookie"])[1]["token"]
            tasks.append(Tasks(server, session["user"], token))
        last = fill(*tasks)
        answers = [server.send("GET", "/api/auth/get-session", cookie=session["cookie"])[1] for session in sessions]
        return {
            "lastTaskId": last,
            "jwks": server.send("GET", "/api/auth/jwks")[1],
            "users": [
                {
                    "user": answers[number]["user"],
                    "password": person["password"],
                    "sessions": [
                        {"cookie": session["cookie"], "token": session["token"], "id": answer["session"]["id"]}
                        for session, answer in zip(sessions, answers)
                        if session["user"] == answers[number]["user"]["id"]
                    ],
                    "lists": tasks[number].lists(),
                }
                for number, person in enumerate(people)
            ],
        }


def record_bridge(binary, folder, url):
    """Fills a database in bridge mode, and returns its facts."""
    database = "sqlite" if url.startswith("sqlite:") else "postgres"
    users = json.loads((VECTORS / f"{database}-users.json").read_text())["users"][:3]
    with Server(binary, folder, DATABASE_URL=url, AUTH_MODE="bridge", JWKS_URL="off") as server:
        tasks = [Tasks(server, user["id"], hs256(user["id"])) for user in users]
        last = fill(*tasks)
        return {
            "lastTaskId": last,
            "users": [{"user": {"id": user["id"]}, "lists": one.lists()} for user, one in zip(users, tasks)],
        }


class Sqlite:
    name = "sqlite"

    def __init__(self, folder):
        self.file = Path(folder) / "recorded.db"
        self.url = f"sqlite://{self.file}"

    def load(self, script):
        with sqlite3.connect(self.file) as database:
            database.executescript(script)

    def dump(self):
        # The tables are in alphabetical order, not in the order of their references.
        lines = ["PRAGMA foreign_keys=OFF;", *sqlite3.connect(self.file).iterdump()]
        return "".join(line + "\n" for line in lines)


class Postgres:
    name = "postgres"

    def __init__(self, _):
        self.bin = os.environ["TASKBRIDGE_TEST_POSTGRES_BIN"]
        server = os.environ["TASKBRIDGE_TEST_POSTGRES"]
        name = f"recorded_{os.urandom(4).hex()}"
        self.url = f"{server}/postgres"
        self.load(f"create database {name};")
        self.url = f"{server}/{name}"

    def program(self, name, *arguments, **more):
        return subprocess.run([f"{self.bin}/{name}", *arguments, self.url], check=True, stdout=subprocess.PIPE, **more).stdout

    def load(self, script):
        self.program("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", "-", input=script.encode())

    def dump(self):
        options = ["--no-owner", "--no-privileges", "--column-inserts", "--rows-per-insert=50"]
        text = self.program("pg_dump", *options).decode()
        # Not every version of PostgreSQL has the settings and the commands of psql before the first statement.
        start, end = text.index("CREATE TABLE"), re.search(r"^--\n-- PostgreSQL database dump complete$", text, re.M).start()
        body = re.sub(r"^(--.*|SET .*;|)\n", "", text[start:end], flags=re.M)
        return f"SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n{body}"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    binary, release = Path(sys.argv[1]).resolve(), sys.argv[2]
    target = VECTORS / "databases" / release
    target.mkdir(parents=True)
    facts = {"secret": SECRET, "baseURL": APP, "databases": {}}
    for mode, record in [("server", record_server), ("bridge", record_bridge)]:
        for kind in [Sqlite, Postgres]:
            with tempfile.TemporaryDirectory() as folder:
                database = kind(folder)
                if mode == "bridge":
                    database.load((VECTORS / f"{kind.name}.sql").read_text())
                facts["databases"][f"{mode}.{kind.name}"] = record(binary, folder, database.url)
                (target / f"{mode}.{kind.name}.sql").write_bytes(database.dump().encode())
    (target / "facts.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
