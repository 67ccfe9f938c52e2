"""Loads a server, and measures the resources that it uses."""

import json
import subprocess
import time

from . import machine


def begin(place, server, requests, *, connections, seconds, warm=0.0, rate=0.0, status=0):
    """Starts the load generator."""
    file = place.folder / f"{server.name}.{time.monotonic_ns()}.requests"
    file.write_bytes(b"".join(b"%d\n%b" % (len(request), request) for request in requests))
    options = {
        "port": server.port,
        "requests": file,
        "connections": connections,
        "seconds": seconds,
        "warm": warm,
        "rate": rate,
        "status": status,
    }
    command = [place.built / "bin" / "load", *(f"--{key}={value}" for key, value in options.items())]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def end(generator):
    """Waits for the load generator, and returns its report."""
    try:
        report = generator.communicate()[0]
    finally:
        generator.kill()
        generator.wait()
    if generator.returncode:
        raise RuntimeError("the load generator failed")
    return json.loads(report)


def measured(place, server, requests, **how):
    """Runs the load, and adds CPU time per request, memory, and the CPU share of other processes to the report."""
    database = place.postgres.process.pid

    def spent():
        times = machine.cpu_seconds(server.process.pid), machine.cpu_seconds(database), machine.generator_seconds()
        return (*times, machine.busy_seconds(), time.perf_counter())

    before = spent()
    report = end(begin(place, server, requests, **how))
    in_server, in_database, in_generator, busy, wall = (after - was for after, was in zip(spent(), before))
    answers = max(1, report.pop("answers"))
    others = busy - in_server - in_database - in_generator
    return {
        "rps": report.pop("per_second"),
        "p50_ms": report.pop("p50_us") / 1000,
        "p99_ms": report.pop("p99_us") / 1000,
        "cpu_server_us": in_server / answers * 1e6,
        "cpu_database_us": in_database / answers * 1e6,
        "cpu_us": (in_server + in_database) / answers * 1e6,
        "memory_mib": machine.memory_mib(server.process.pid),
        "other_cpu": max(0.0, others / wall / machine.CORES),
        **report,
    }
