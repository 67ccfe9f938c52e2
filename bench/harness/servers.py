"""The measured servers. bench/servers/*.json describes each, and README.md the keys."""

import http.client
import json
import os
import signal
import subprocess
import time
from pathlib import Path

from . import data, machine
from .postgres import free_port
from .tokens import ORIGIN, SECRET

BENCH = Path(__file__).resolve().parent.parent
DESCRIPTIONS = BENCH / "servers"
# The variables that a server inherits, in addition to its own.
PASSED_ON = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH")


def names():
    return [path.stem for path in sorted(DESCRIPTIONS.glob("*.json"))]


class Server:
    def __init__(self, name, place):
        """`place` has the builds, temporary files, PostgreSQL and tokens."""
        self.name, self.place = name, place
        self.description = json.loads((DESCRIPTIONS / f"{name}.json").read_text())
        self.about = self.description["about"]
        self.runs = self.description["runs"]
        self.algorithm = self.description.get("token", "HS256")
        self.kind = self.description.get("database", "shared")
        self.database = "peers" if self.kind == "shared" else "own_" + name.replace("-", "_")
        self.port = free_port()
        self.process = None
        self.cookies = []

    def _filled(self, text):
        values = {
            "built": self.place.built,
            "bench": BENCH,
            "port": self.port,
            "keys": self.place.tokens.keys_url,
            "cores": machine.CORES,
        }
        for key, value in values.items():
            text = text.replace("{" + key + "}", str(value))
        return text

    def environment(self):
        told = {
            "PORT": str(self.port),
            "DATABASE_URL": self.database_url(),
            "BETTER_AUTH_URL": ORIGIN,
            "BETTER_AUTH_SECRET": SECRET,
            "WORKERS": str(machine.CORES),
        }
        passed = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        own = {key: self._filled(value) for key, value in self.description.get("environment", {}).items()}
        return {**passed, **told, **own}

    def database_url(self):
        if self.kind == "sqlite":
            return f"sqlite://{self.sqlite_file()}"
        postgres = self.place.postgres
        return postgres.pooled_url(self.database) if self.description.get("pooler") else postgres.url(self.database)

    def sqlite_file(self):
        return self.place.folder / f"{self.name}.db"

    def start(self):
        """Starts the server, and returns the time to its first answer in seconds."""
        if self.algorithm == "EdDSA":
            # The key must be published before the server fetches it.
            self.place.tokens.of("EdDSA")
        command = [self._filled(part) for part in self.description["command"]]
        folder = Path(self._filled(self.description.get("folder", str(self.place.folder))))
        log = self.place.folder / f"{self.name}.log"
        begin = time.perf_counter()
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                command, env=self.environment(), cwd=folder, stdout=output, stderr=output, start_new_session=True
            )
        while not self._answers():
            if self.process.poll() is not None or time.perf_counter() - begin > 60:
                self.stop()
                raise RuntimeError(f"{self.name} does not start: {log.read_text()[-2000:]}")
            time.sleep(0.002)
        return time.perf_counter() - begin

    def _answers(self):
        try:
            return self.call("GET", self.description.get("health", "/health"))[0] < 500
        except OSError:
            return False

    def runs_now(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """Stops the server and its children, which are in a separate session."""
        if not self.runs_now():
            return
        family = machine.tree(self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            pass
        for pid in family:
            try:
                if os.getsid(pid) == self.process.pid:
                    os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.process.wait(10)

    def prepare(self):
        """Creates and fills the database. The server is stopped before and afterwards."""
        makes_tables = self.description.get("migrates", False)
        postgres = self.place.postgres
        if self.kind == "own":
            postgres.sql("postgres", f"CREATE DATABASE {self.database}")
        if self.kind == "sqlite" and not makes_tables:
            data.seed_sqlite(self.sqlite_file(), own_tables=False)
        self.start()
        if self.kind == "sqlite" and makes_tables:
            data.seed_sqlite(self.sqlite_file(), own_tables=True)
        if self.kind == "own" and self.description.get("tasks", True):
            data.seed(postgres, self.database)
        if self.description.get("sign_up"):
            self._sign_up()
        if self.description.get("tasks", True):
            self._check_list()
        self.stop()

    def _sign_up(self):
        for email in data.EMAILS:
            body = {"name": "Somebody", "email": email, "password": data.PASSWORD}
            status, answer, headers = self.call("POST", "/api/auth/sign-up/email", body)
            if status != 200:
                raise RuntimeError(f"{self.name}: sign-up answers {status}: {answer[:300]}")
            cookies = [cookie.split(";")[0] for cookie in headers.get_all("set-cookie") or []]
            self.cookies.append("; ".join(cookies))

    def _check_list(self):
        """Checks that all servers return the same list, because otherwise they cannot be compared."""
        status, answer, _ = self.call("GET", "/api/u1/tasks", headers=self.bearer("u1"))
        listed = json.loads(answer) if status == 200 else answer[:300]
        wanted = {"id", "user_id", "title", "description", "completed", "created_at", "updated_at"}
        if status != 200 or len(listed) != data.TASKS["u1"] or set(listed[0]) != wanted:
            raise RuntimeError(f"{self.name}: the list is {status}: {listed}")

    def bearer(self, user):
        return {"Authorization": f"Bearer {self.place.tokens.of(self.algorithm)[user]}"}

    def call(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            all_headers = {"Origin": ORIGIN, **(headers or {})}
            if body is not None:
                all_headers["Content-Type"] = "application/json"
            connection.request(method, path, None if body is None else json.dumps(body), all_headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def size_mib(self):
        """Returns the size of its installed packages, without Node or Python."""
        size = 0
        for path in (Path(self._filled(part)) for part in self.description["size"]):
            files = path.rglob("*") if path.is_dir() else [path]
            size += sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink())
        return size / 2**20
