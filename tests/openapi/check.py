"""Starts the real server, and checks with schemathesis that its answers match its OpenAPI document.

usage: check.py TASKBRIDGE
"""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import openapi_spec_validator

HERE = Path(__file__).resolve().parent
EMAIL, PASSWORD = "ada@example.test", "correct horse battery"
# These end the session or change the password that the other operations need, so each has a separate run.
ENDING = ["sign_out", "revoke_session", "revoke_sessions", "revoke_other_sessions", "change_password", "delete_user"]


class Server:
    """`taskbridge serve` with SQLite, on a free port and in a new folder."""

    def __init__(self, program: str):
        self.statuses = defaultdict(set)
        self._folder = tempfile.TemporaryDirectory()
        self._ready = queue.Queue()
        environment = {
            "PATH": os.defpath,
            "BETTER_AUTH_SECRET": "openapi-secret-not-for-production-0123456789",
            "PORT": "0",
            "TASKBRIDGE__LOG__FORMAT": "json",
            "TASKBRIDGE__PASSWORDS__BCRYPT_COST": "10",
            # The runs send more requests than the limit allows.
            "RATE_LIMIT": "off",
            # Enables all operations.
            "JWT_ALGORITHM": "EdDSA",
            "TASKBRIDGE__AUTH__DELETE_USER": "on",
            # The token must not expire during a run.
            "TASKBRIDGE__JWT__LIFETIME_SECONDS": "86400",
        }
        self._process = subprocess.Popen(
            [program, "serve"], cwd=self._folder.name, env=environment, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read)

    def _read(self):
        for line in self._process.stderr:
            entry = json.loads(line) if line.startswith("{") else {"level": "ERROR", "fields": {"message": line}}
            fields = entry["fields"]
            if fields["message"] == "ready":
                self.origin = fields["origin"]
                self._ready.put(f"http://{fields['address']}")
            elif fields["message"] == "request":
                self.statuses[fields["method"], fields["route"]].add(fields["status"])
            elif entry["level"] != "INFO":
                print(fields["message"], file=sys.stderr)
        self._ready.put(None)

    def __enter__(self):
        self._reader.start()
        self.base = self._ready.get()
        if self.base is None:
            sys.exit("the server did not start")
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()
        self._reader.join()
        self._folder.cleanup()

    def get_document(self) -> dict:
        with urllib.request.urlopen(f"{self.base}/openapi.json") as answer:
            return json.load(answer)

    def sign_up(self) -> dict:
        """Signs a user up, and returns the variables of the configurations."""
        body = json.dumps({"name": "Ada", "email": EMAIL, "password": PASSWORD}).encode()
        request = urllib.request.Request(f"{self.base}/api/auth/sign-up/email", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return {
                "USER_ID": json.load(answer)["user"]["id"],
                "JWT": answer.headers["set-auth-jwt"],
                "SESSION_COOKIE": answer.headers["Set-Cookie"].split(";")[0].partition("=")[2],
            }


def run(program: str, configuration: str, *arguments: str, meant: Callable[[dict], set]) -> bool:
    """Runs schemathesis against a new server. Returns whether it found no error and each operation has answered at least
    once with a status that `meant` returns for it, if it returns any."""
    schemathesis = str(Path(sys.executable).with_name("schemathesis"))
    command = [schemathesis, "--config-file", str(HERE / configuration), "run"]
    with tempfile.TemporaryDirectory() as folder, Server(program) as server:
        document = server.get_document()
        openapi_spec_validator.validate(document)
        environment = {**os.environ, **server.sign_up()}
        # Requests with a cookie need a trusted origin.
        command += [f"{server.base}/openapi.json", "--header", f"Origin: {server.origin}", *arguments]
        found = subprocess.run(command, cwd=folder, env=environment).returncode != 0
    operations = [
        (method.upper(), path, operation) for path, item in document["paths"].items() for method, operation in item.items()
    ]
    missed = [
        f"{method} {path}"
        for method, path, operation in operations
        if meant(operation) and not meant(operation) & server.statuses[method, path]
    ]
    for operation in missed:
        print(f"{configuration}: {operation} never answered with an expected status", file=sys.stderr)
    return not found and not missed


def main() -> bool:
    program = str(Path(sys.argv[1]).resolve())

    def success(*, among: Callable[[str], bool]) -> Callable[[dict], set]:
        def meant(operation: dict) -> set:
            statuses = {int(status) for status in operation["responses"] if status.startswith("2")}
            return statuses if among(operation["operationId"]) else set()

        return meant

    def refusal(operation: dict) -> set:
        return {403} if "tasks" in operation["tags"] else set()

    # The list runs all of them, even after an error.
    return all([
        run(
            program,
            "own.toml",
            *[f"--exclude-operation-id={name}" for name in ENDING],
            meant=success(among=lambda name: name not in ENDING),
        ),
        *[
            run(program, "own.toml", f"--include-operation-id={name}", meant=success(among=lambda asked, name=name: asked == name))
            for name in ENDING
        ],
        run(program, "strangers.toml", "--include-tag", "tasks", meant=refusal),
    ])


if __name__ == "__main__":
    sys.exit(not main())
