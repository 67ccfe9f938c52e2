"""The arithmetic of the harness, without any server."""

import sys
import unittest
import xml.dom.minidom
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness import data, goals, graphs, report, servers, tokens, workloads


def run(rps=100.0, cpu_us=10.0, p99_ms=1.0, errors=0, within=1.0):
    return {
        "rps": rps,
        "p50_ms": 1.0,
        "p99_ms": p99_ms,
        "cpu_server_us": cpu_us / 2,
        "cpu_database_us": cpu_us / 2,
        "cpu_us": cpu_us,
        "memory_mib": 10.0,
        "other_cpu": 0.0,
        "errors": errors,
        "within": within,
    }


def result(runs, **more):
    machine = {"cores": 2, "cpu": "a CPU", "memory_gib": 8, "kernel": "6.1", "postgresql": "15"}
    empty = {"date": "2026-01-01", "machine": machine, "settings": {"secs": 2, "reps": 3}, "hash_ms": 250.0}
    return {**empty, "whole": False, "servers": {}, "growth": {}, "runs": runs, **more}


def verdict(found, what):
    return next((value, verdict) for goal, value, verdict in goals.judge(found) if goal.what.startswith(what))


class Goals(unittest.TestCase):
    def test_a_ratio_is_of_medians(self):
        ours = [run(rps=rps) for rps in (10, 60, 1000)]
        found = result({"W1": {"limit": [run()], "taskbridge": ours}})
        self.assertEqual(verdict(found, "W1 list of 20: req/s to the limit's"), (0.6, "goal reached"))

    def test_the_cpu_ratio_is_the_limits_over_ours(self):
        found = result({"W1": {"limit": [run(cpu_us=10)], "taskbridge": [run(cpu_us=20)]}})
        self.assertEqual(verdict(found, "W1 list of 20: the limit's CPU"), (0.5, "floor held"))

    def test_writes_are_compared_to_the_better_one(self):
        found = result({"W3": {"limit": [run(rps=50)], "sqlx": [run(rps=200)], "taskbridge": [run(rps=100)]}})
        self.assertEqual(verdict(found, "W3"), (0.5, "FLOOR NOT HELD"))
        self.assertTrue(goals.failed(found))

    def test_sign_ins_are_compared_to_what_the_cores_can_hash(self):
        found = result({"W7": {"taskbridge": [run(rps=7.2)]}})
        self.assertEqual(verdict(found, "W7"), (0.9, "goal reached"))

    def test_errors_are_added_up(self):
        runs = {"W10:1024": {"taskbridge": [run(errors=0), run(errors=1)]}}
        self.assertEqual(verdict(result(runs), "W10 errors"), (1, "FLOOR NOT HELD"))

    def test_what_is_judged_is_what_is_shown(self):
        found = result({"W1": {"limit": [run(rps=1000)], "taskbridge": [run(rps=599)]}})
        self.assertEqual(verdict(found, "W1 list of 20: req/s to the limit's")[1], "goal reached")

    def test_only_a_whole_run_must_measure_everything(self):
        self.assertFalse(goals.failed(result({})))
        self.assertTrue(goals.failed(result({}, whole=True)))


class Report(unittest.TestCase):
    def test_every_workload_has_a_table(self):
        runs = {workload.name: {"limit": [run()], "taskbridge": [run()]} for workload in workloads.WORKLOADS}
        text = report.whole(result(runs))
        for workload in workloads.WORKLOADS:
            self.assertIn(f"**{workload.name}**", text)

    def test_the_spread_is_that_of_the_repeats_to_their_median(self):
        self.assertEqual(report.spread([run(rps=rps) for rps in (90, 100, 120)]), 0.3)

    def test_only_what_is_between_the_markers_changes(self):
        text = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb"
        self.assertEqual(report.put_between(text, "x", "new"), text.replace("old", "new"))
        with self.assertRaises(ValueError):
            report.put_between(text, "y", "new")

    def test_the_docs_have_the_markers(self):
        docs = (servers.BENCH.parent / "docs" / "performance.md").read_text()
        for name in ("machine", "goals", "tables"):
            report.put_between(docs, name, "")


class Graphs(unittest.TestCase):
    def test_a_chart_is_xml_and_has_its_labels(self):
        chart = graphs.Chart("f", "A title", "tasks", {"one": [(1, 0.5), (1000, 2.0)], "other": [(1, 1.0)]}, log=True)
        document = xml.dom.minidom.parseString(chart.svg())
        texts = [node.firstChild.data for node in document.getElementsByTagName("text")]
        for wanted in ("A title", "tasks", "one", "other", "1", "1,000", "0", "2"):
            self.assertIn(wanted, texts)

    def test_steps_are_round(self):
        self.assertEqual([graphs.nice(step) for step in (0.3, 1, 1.1, 40, 60)], [0.5, 1, 2, 50, 100])


class Servers(unittest.TestCase):
    def test_each_runs_what_there_is(self):
        known = workloads.chosen([])[0]
        for name in servers.names():
            server = servers.Server(name, place=None)
            self.assertLessEqual(set(server.runs), set(known), name)

    def test_an_unknown_workload_is_refused(self):
        with self.assertRaises(SystemExit):
            workloads.chosen(["W99"])


class Tokens(unittest.TestCase):
    def test_a_spoilt_token_differs_in_its_signature_alone(self):
        token = tokens.hs256("u1")
        spoilt = tokens.spoilt(token)
        self.assertNotEqual(token, spoilt)
        self.assertEqual(token.rpartition(".")[0], spoilt.rpartition(".")[0])
        self.assertEqual(len(token), len(spoilt))

    def test_readers_and_writers_are_different_users(self):
        self.assertFalse(set(data.READERS) & set(data.WRITERS))


if __name__ == "__main__":
    unittest.main()
