"""The goals, and their comparison with a result."""

import statistics
from dataclasses import dataclass
from typing import Callable

LIMITS = ("limit", "sqlx")


class Missing(Exception):
    """The value was not measured."""


class Values:
    """The medians of a result."""

    def __init__(self, result):
        self.result = result

    def median(self, workload, server, key):
        try:
            return statistics.median(run[key] for run in self.result["runs"][workload][server])
        except KeyError:
            raise Missing from None

    def total(self, workload, server, key):
        self.median(workload, server, key)
        return sum(run[key] for run in self.result["runs"][workload][server])

    def of_server(self, server, key):
        try:
            return self.result["servers"][server][key]
        except KeyError:
            raise Missing from None

    def more(self, workload, ours="taskbridge", theirs="limit"):
        """Returns the ratio of requests per second."""
        return self.median(workload, ours, "rps") / self.median(workload, theirs, "rps")

    def cpu(self, workload):
        """Returns the ratio of CPU time per request, compared with the limit."""
        return self.median(workload, "taskbridge", "cpu_us") / self.median(workload, "limit", "cpu_us")

    def to_best(self, workload):
        return self.median(workload, "taskbridge", "rps") / max(self.median(workload, limit, "rps") for limit in LIMITS)

    def of_cores(self):
        seconds = self.result["hash_ms"] / 1000
        return self.median("W7", "taskbridge", "rps") * seconds / self.result["machine"]["cores"]

    def evenly(self):
        return 100 * self.median("evenly", "taskbridge", "within")

    def crowd(self):
        return self.median("W10:1024", "taskbridge", "rps") / self.median("W10:64", "taskbridge", "rps")

    def eddsa(self):
        return self.more("W1", "taskbridge-eddsa", "fastify-eddsa")

    def sqlite(self):
        return self.more("sqlite", "taskbridge-sqlite", "sqlite-bare")

    def ours(self, key):
        return self.of_server("taskbridge", key)

    def storm(self):
        return self.median("W8:storm", "taskbridge", "p99_ms")

    def calmer(self):
        return self.median("W8:storm", "fastify", "p99_ms") / self.storm()


@dataclass(frozen=True)
class Goal:
    what: str
    goal: float
    floor: float
    measure: Callable[[Values], float]
    unit: str = ""
    less: bool = False

    def holds(self, value, bound):
        """Returns whether a value reaches a bound, with the precision that is displayed."""
        value = float(plain(value))
        return value <= bound if self.less else value >= bound


GOALS = [
    *(
        Goal(f"{name}: the limit's CPU per request over ours", 0.75, 0.50, lambda v, w=w: 1 / v.cpu(w))
        for w, name in (("W1", "W1 list of 20"), ("W2", "W2 one task"), ("W5", "W5 mixed"))
    ),
    *(
        Goal(f"{name}: req/s to the limit's", 0.60, 0.40, lambda v, w=w: v.more(w))
        for w, name in (("W1", "W1 list of 20"), ("W2", "W2 one task"), ("W5", "W5 mixed"))
    ),
    Goal("W3 create: req/s to the best of limit and sqlx", 0.90, 0.75, lambda v: v.to_best("W3")),
    Goal("W4 complete: req/s to the best of limit and sqlx", 0.90, 0.75, lambda v: v.to_best("W4")),
    Goal("list of 1,000: our CPU per request over the limit's", 1.5, 2.5, lambda v: v.cpu("heavy"), less=True),
    Goal("W1 list of 20: req/s to FastAPI's", 35, 20, lambda v: v.more("W1", theirs="fastapi"), " times"),
    Goal("W1 list of 20: req/s to Fastify's", 4, 2.5, lambda v: v.more("W1", theirs="fastify"), " times"),
    Goal("W1 with EdDSA: req/s to Fastify's with EdDSA", 8, 4, Values.eddsa, " times"),
    Goal("W6 rejection: our CPU per request over the limit's", 1.2, 1.5, lambda v: v.cpu("W6"), less=True),
    Goal("W7 sign-ins per second x time of one hash / cores", 0.90, 0.80, Values.of_cores),
    Goal("W8 p99 of the list while 32 clients sign in", 10, 15, Values.storm, " ms", less=True),
    Goal("W8 the same: Fastify's over ours", 500, 100, Values.calmer, " times"),
    Goal("sign-ins one a second: within 500 ms", 99, 95, Values.evenly, " %"),
    Goal("W9 get-session: req/s to Better Auth's", 20, 8, lambda v: v.more("W9", theirs="better-auth"), " times"),
    Goal("W10 req/s with 1,024 connections to 64", 0.90, 0.80, Values.crowd),
    Goal("W10 errors with 1,024 connections", 0, 0, lambda v: v.total("W10:1024", "taskbridge", "errors"), less=True),
    Goal("memory, idle", 15, 30, lambda v: v.ours("idle_mib"), " MiB", less=True),
    Goal("memory, 1,024 connections", 64, 100, lambda v: v.ours("connections_mib"), " MiB", less=True),
    Goal("memory, 32 clients sign in", 64, 100, lambda v: v.ours("storm_mib"), " MiB", less=True),
    Goal("start to first answer, migrated database", 0.1, 0.3, lambda v: v.ours("start_s"), " s", less=True),
    Goal("stripped binary", 15, 25, lambda v: v.ours("size_mib") * 1.048576, " MB", less=True),
    Goal("list on embedded SQLite: req/s to a bare handler's", 0.70, 0.50, Values.sqlite),
]


def plain(value):
    """Formats a number with three digits."""
    digits = 0 if abs(value) >= 100 or not value else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f}"


def judge(result):
    """Yields each goal with its value, or None if it was not measured, and the verdict."""
    values = Values(result)
    judged = []
    for goal in GOALS:
        try:
            value = goal.measure(values)
        except (Missing, ZeroDivisionError):
            judged.append((goal, None, "not measured"))
            continue
        verdict = (
            "goal reached"
            if goal.holds(value, goal.goal)
            else "floor held"
            if goal.holds(value, goal.floor)
            else "FLOOR NOT HELD"
        )
        judged.append((goal, value, verdict))
    return judged


def failed(result):
    """Returns whether a floor is not held or, in a complete run, was not measured."""
    return any(
        verdict == "FLOOR NOT HELD" or (value is None and result["whole"]) for _, value, verdict in judge(result)
    )
