"""The run: each workload visits all servers, A B C, then C B A, so that a drift of the machine affects all equally."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

from . import data, growth, load, machine, workloads
from .postgres import Postgres
from .servers import Server, names
from .tokens import Tokens

# A share of the CPUs. If other processes use more, the run is repeated once.
NOISE = 0.2
# The warm-up before the first run of a workload on a server: Node and Python need seconds.
WARM = 4.0


BEGIN = time.monotonic()


def log(text):
    minutes, seconds = divmod(int(time.monotonic() - BEGIN), 60)
    print(f"{minutes:3}:{seconds:02} {text}", file=sys.stderr, flush=True)


class OutOfTime(Exception):
    pass


class Place:
    """The state that all parts share: builds, temporary files, the database, the tokens."""

    def __init__(self, built):
        self.built = built
        # Not /tmp, which may be in memory: commits must reach a disk.
        self.folder = Path(tempfile.mkdtemp(prefix="taskbridge-bench.", dir=os.environ.get("TMPDIR", "/var/tmp")))
        self.tokens = Tokens(list(data.TASKS))
        self.postgres = None

    def open(self):
        self.postgres = Postgres(self.folder)
        self.postgres.start()
        self.postgres.sql("postgres", "CREATE DATABASE peers")
        self.postgres.sql("peers", data.PEERS_SCHEMA)
        data.seed(self.postgres, "peers")

    def close(self):
        if self.postgres:
            self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Bench:
    def __init__(self, built, settings):
        self.place, self.settings = Place(built), settings
        self.end = time.monotonic() + settings.minutes * 60
        self.wanted, self.workloads = workloads.chosen(settings.only)
        self.servers, self.requests, self.warm = [], {}, set()
        self.result = {
            "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
            "machine": machine.describe(),
            "settings": {"secs": settings.secs, "reps": settings.reps},
            "whole": not settings.only and not settings.servers,
            "servers": {},
            "runs": {},
            "growth": {},
        }

    def run(self):
        """Runs the selected measurements. Returns the results so far if it is interrupted."""
        try:
            self.place.open()
            self.result["machine"]["postgresql"] = self.place.postgres.sql("postgres", "SHOW server_version")
            self.result["hash_ms"] = self._hash_ms()
            self._prepare()
            for server in self.servers:
                server.start()
            time.sleep(1)
            for turn in range(self.settings.reps):
                for workload in self.workloads:
                    for server in self.servers[:: -1 if turn % 2 else 1]:
                        self._one(workload, server, turn)
            for server in self.servers:
                server.stop()
            if "growth" in self.wanted:
                self._growth()
        except OutOfTime:
            log("bench: the time is up")
        except KeyboardInterrupt:
            log("bench: stopped; what follows was measured before")
        except RuntimeError as error:
            log(f"bench: {error}; what follows was measured before")
        finally:
            for server in self.servers:
                server.stop()
            self.place.close()
        return self.result

    def _hash_ms(self):
        machine.wait_until_quiet()
        return float(
            subprocess.run(
                [self.place.built / "bin" / "limits", "hash"], capture_output=True, text=True, check=True
            ).stdout
        )

    def _prepare(self):
        """Measures each server on its own: its database, its start, its memory."""
        for name in self.settings.servers or names():
            server = Server(name, self.place)
            if not any(run in self.wanted for run in server.runs):
                continue
            self.result["servers"][name] = {"about": server.about}
            self.servers.append(server)
            try:
                server.prepare()
                self.result["servers"][name].update(self._alone(server))
            except (RuntimeError, OSError) as error:
                log(f"bench: without {name}: {error}")
                server.stop()
                self.servers.remove(server)

    def _alone(self, server):
        starts = []
        for _ in range(3):
            machine.wait_until_quiet()
            starts.append(server.start())
            time.sleep(0.3)
            server.stop()
        server.start()
        time.sleep(1)
        found = {
            "start_s": statistics.median(starts),
            "idle_mib": machine.memory_mib(server.process.pid),
            "size_mib": server.size_mib(),
        }
        if "memory" in self.wanted and "memory" in server.runs:
            found.update(self._memory(server))
        server.stop()
        log(f"{server.name}: " + ", ".join(f"{key} {value:.3g}" for key, value in found.items()))
        return found

    def _memory(self, server):
        """Measures the maximum memory with 1,024 connections, and in a storm of sign-ins."""
        found, secs = {}, self.settings.secs
        if "W1" in server.runs:
            lists = self._requests(server, "list")
            found["connections_mib"] = peak(
                server, [load.begin(self.place, server, lists, connections=1024, seconds=secs * 1.5)]
            )
        if "W8" in server.runs:
            sign_ins = load.begin(
                self.place, server, self._requests(server, "sign_in"), connections=32, seconds=secs * 3
            )
            calm = load.begin(
                self.place, server, self._requests(server, "list"), connections=32, seconds=secs * 3, rate=100
            )
            found["storm_mib"] = peak(server, [sign_ins, calm])
        return found

    def _requests(self, server, name):
        if (server.name, name) not in self.requests:
            tasks = server.kind != "sqlite" and server.description.get("tasks", True)
            ids = data.task_ids(self.place.postgres, server.database) if tasks else {}
            self.requests[server.name, name] = workloads.Requests(server, ids).make(name)
        return self.requests[server.name, name]

    def _one(self, workload, server, turn):
        if workload.name.split(":")[0] not in server.runs:
            return
        if not server.runs_now():
            log(f"bench: {server.name} is gone")
            return
        for again in (False, True):
            if time.monotonic() > self.end:
                raise OutOfTime
            machine.wait_until_quiet(NOISE)
            run = self._measured(workload, server)
            if run["other_cpu"] <= NOISE:
                break
            log(f"{workload.name} {server.name}: others took {run['other_cpu']:.0%}{'' if again else ', again'}")
        self.result["runs"].setdefault(workload.name, {}).setdefault(server.name, []).append(run)
        log(
            f"{turn + 1}/{self.settings.reps} {workload.name} {server.name}: {run['rps']:.0f}/s,"
            f" p50 {run['p50_ms']:.2f} ms, p99 {run['p99_ms']:.2f} ms,"
            f" CPU {run['cpu_server_us']:.0f} + {run['cpu_database_us']:.0f} us,"
            f" errors {run['errors']}, others {run['other_cpu']:.0%}"
        )

    def _measured(self, workload, server):
        seconds = self.settings.secs * workload.length
        warm = workload.warm
        if (server.name, workload.requests) not in self.warm and not workload.rate and workload.warm < 1:
            self.warm.add((server.name, workload.requests))
            warm = WARM
        storm = None
        if workload.storm:
            storm = load.begin(
                self.place, server, self._requests(server, "sign_in"), connections=32, seconds=seconds + 1.5
            )
            time.sleep(1)
        run = load.measured(
            self.place,
            server,
            self._requests(server, workload.requests),
            connections=workload.connections,
            seconds=seconds,
            warm=warm,
            rate=workload.rate,
            status=workload.status,
        )
        if storm:
            run["errors"] += load.end(storm)["errors"]
        if workload.writes:
            for statement in data.CLEAN.splitlines():
                self.place.postgres.sql(server.database, statement)
        return run

    def _growth(self):
        for server in self.servers:
            if "growth" in server.runs:
                if time.monotonic() > self.end:
                    raise OutOfTime
                self.result["growth"][server.name] = growth.measure(self.place, server, self.settings, log)


def peak(server, generators):
    """Returns the maximum memory of a server until the load generators exit."""
    most = 0.0
    try:
        while any(generator.poll() is None for generator in generators):
            most = max(most, machine.memory_mib(server.process.pid))
            time.sleep(0.05)
    finally:
        for generator in generators:
            generator.kill()
            generator.communicate()
    return most


def save(result, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
