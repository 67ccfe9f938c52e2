"""A private PostgreSQL with durable commits. For root it runs as another user, because it refuses to run as root."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "512MB",
    "max_connections": 400,
    # No autovacuum during a measurement; tables are vacuumed between measurements.
    "autovacuum": "off",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Postgres:
    def __init__(self, folder):
        initdb = shutil.which("initdb")
        if not initdb:
            raise SystemExit("bench: initdb is not there: call `make bench`, which finds or installs PostgreSQL")
        self.bin = Path(initdb).resolve().parent
        self.folder = Path(folder) / "postgresql"
        self.folder.mkdir()
        self.port = free_port()
        self.env = dict(os.environ, LC_ALL="C", PGHOST="127.0.0.1", PGPORT=str(self.port), PGUSER="bench")
        self.as_user = self._somebody() if os.geteuid() == 0 else {}
        self.process = None
        self.pooler = None

    def start(self):
        data = self.folder / "data"
        self._call("initdb", "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        with open(data / "postgresql.conf", "a", encoding="utf-8") as settings:
            settings.writelines(f"{key} = '{value}'\n" for key, value in {"port": self.port, **OPTIONS}.items())
        with open(self.folder.parent / "postgresql.log", "wb") as log:
            command = [self.bin / "postgres", "-D", data]
            self.process = subprocess.Popen(
                command, env=self.env, stdout=log, stderr=log, start_new_session=True, **self.as_user
            )
        self._wait()

    def _somebody(self):
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            user = pwd.getpwnam("nobody")
        os.chmod(self.folder.parent, 0o755)
        os.chown(self.folder, user.pw_uid, user.pw_gid)
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": self.folder}

    def _call(self, program, *arguments, **more):
        command = [self.bin / program, *arguments]
        done = subprocess.run(
            command, env=self.env, capture_output=True, text=True, check=False, **self.as_user, **more
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.strip()}")
        return done.stdout

    def _wait(self):
        for _ in range(200):
            try:
                self.sql("postgres", "SELECT 1")
                return
            except RuntimeError:
                time.sleep(0.05)
        raise RuntimeError("PostgreSQL does not start: " + (self.folder.parent / "postgresql.log").read_text())

    def sql(self, database, statements):
        """Runs statements separately, and returns their rows, one per line."""
        psql = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database]
        return self._call(*psql, input=statements).strip()

    def url(self, database):
        return f"postgresql://bench@127.0.0.1:{self.port}/{database}"

    def pooled_url(self, database):
        """Returns the URL of pgbouncer in transaction mode, and starts it at the first call."""
        if not self.pooler:
            self._start_pooler()
        return f"postgresql://bench@127.0.0.1:{self.pooler_port}/{database}?pgbouncer=true"

    def _start_pooler(self):
        program = shutil.which("pgbouncer")
        if not program:
            raise RuntimeError("pgbouncer is not installed")
        self.pooler_port = free_port()
        settings = self.folder / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host=127.0.0.1 port={self.port} user=bench\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.pooler_port}\nunix_socket_dir =\n"
            "auth_type = any\npool_mode = transaction\ndefault_pool_size = 8\nmax_client_conn = 500\n"
        )
        with open(self.folder.parent / "pgbouncer.log", "wb") as log:
            self.pooler = subprocess.Popen(
                [program, settings], stdout=log, stderr=log, start_new_session=True, **self.as_user
            )
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.pooler_port)).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("pgbouncer does not start")

    def stop(self):
        if self.pooler:
            self.pooler.kill()
            self.pooler.wait()
        if not self.process:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
