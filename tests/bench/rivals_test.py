#!/usr/bin/env python3
"""bench/rivals without any rival: recall, choice of settings, files, rates and tables."""
import gzip
import itertools
import pathlib
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "rivals"))
sys.dont_write_bytecode = True
import datasets  # noqa: E402
import grids  # noqa: E402
import measure  # noqa: E402
import pareto  # noqa: E402
import recall  # noqa: E402
import report  # noqa: E402
import rivals  # noqa: E402
import tune  # noqa: E402


def plain_distance(metric, a, b):
    if metric in ("HAMMING", "JACCARD"):
        one, two = np.unpackbits(a).astype(bool), np.unpackbits(b).astype(bool)
        if metric == "HAMMING":
            return sum(x != y for x, y in zip(one, two))
        return sum(x != y for x, y in zip(one, two)) / max(1, sum(x or y for x, y in zip(one, two)))
    a, b = [float(v) for v in a], [float(v) for v in b]
    product = sum(x * y for x, y in zip(a, b))
    if metric == "COSINE":
        return -product / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5
    return -product if metric == "IP" else sum((x - y) ** 2 for x, y in zip(a, b))


class Recall(unittest.TestCase):
    def test_distances_equal_the_plain_loop(self):
        random = np.random.default_rng(7)
        kinds = {"L2": np.uint8, "IP": np.float16, "COSINE": np.float32, "HAMMING": np.uint8, "JACCARD": np.uint8}
        for metric, kind in kinds.items():
            with self.subTest(metric=metric):
                queries = random.integers(1, 200, (3, 8)).astype(kind)
                rows = random.integers(1, 200, (3, 5, 8)).astype(kind)
                got = recall.distances(metric, queries, rows)
                for q, r in itertools.product(range(3), range(5)):
                    self.assertAlmostEqual(got[q, r], plain_distance(metric, queries[q], rows[q, r]), places=9)

    def test_bytes_do_not_wrap_around(self):
        far = recall.distances("L2", np.array([[255, 0]], np.uint8), np.array([[[0, 255]]], np.uint8))
        self.assertEqual(far[0, 0], 2 * 255 * 255)

    def test_any_row_at_the_last_distance_is_right(self):
        base = np.array([[0], [1], [2], [2], [2], [3]], np.uint8)
        query, truth = np.array([[0]], np.uint8), np.array([[0, 1, 2, 3, 4]])
        for found, right in (([0, 1, 2], 3), ([0, 1, 4], 3), ([0, 1, 5], 2), ([3, 4, 2], 3)):
            self.assertEqual(recall.hits("L2", base, query, truth, np.array([found]), 3)[0], right, found)

    def test_repeated_and_missing_rows_are_wrong(self):
        base = np.arange(10, dtype=np.uint8)[:, None]
        query, truth = np.array([[0]], np.uint8), np.arange(5)[None]
        for found, right in (([0, 0, 0], 1), ([0, 1, -1], 2), ([-1, -1, -1], 0), ([0], 1)):
            self.assertEqual(recall.hits("L2", base, query, truth, np.array([found]), 3)[0], right, found)

    def test_only_the_first_k_count(self):
        base = np.arange(10, dtype=np.uint8)[:, None]
        found, truth = np.array([[9, 8, 0, 1]]), np.arange(5)[None]
        self.assertEqual(recall.recall("L2", base, np.array([[0]], np.uint8), truth, found, 2), 0.0)

    def test_more_queries_than_one_chunk(self):
        base = np.arange(200, dtype=np.uint8)[:, None]
        queries = np.tile(base, (3, 1))
        self.assertGreater(len(queries), recall.CHUNK)
        ids = np.tile(np.arange(200), 3)[:, None]
        self.assertEqual(recall.recall("L2", base, queries, ids, ids, 1), 1.0)
        self.assertEqual(recall.recall("L2", base, queries, ids, (ids + 1) % 200, 1), 0.0)


class Settings(unittest.TestCase):
    def test_smallest_effort_is_near_the_threshold(self):
        for threshold in (1, 2, 3, 37, 99, 1000, 3999, 4000):
            effort = pareto.smallest_effort(lambda e: float(e >= threshold), 1, 4000, 0.9)
            self.assertGreaterEqual(effort, threshold)
            self.assertLessEqual(effort, threshold + max(1, pareto.FINE * effort))
        self.assertIsNone(pareto.smallest_effort(lambda e: 0.5, 1, 4000, 0.9))
        self.assertEqual(pareto.smallest_effort(lambda e: 1.0, 10, 4000, 0.9), 10)

    def test_confirm_raises_the_guess(self):
        self.assertEqual(pareto.confirm(lambda e: e / 200, 180, 200, 0.95), (192, 0.96))
        self.assertIsNone(pareto.confirm(lambda e: 0.5, 10, 20, 0.95))

    def points(self):
        common = {"set": "s", "family": "HNSW", "target": 0.9, "build": {}, "search": {"ef": 10}, "recall": 0.91}
        rates = {"slow": (10, 70), "fast": (100, 60), "near": (80, 90), "fast2": (90, 50)}
        return [common | {"library": name.rstrip("2"), "rates": {"1": one, "1000": many}}
                for name, (one, many) in rates.items()]  # fmt: skip

    def test_the_best_of_each_library_in_order(self):
        self.assertEqual([p["library"] for p in pareto.contenders(self.points(), "1", 0.7)], ["fast", "near"])
        self.assertEqual(pareto.contenders(self.points(), "1", 0.7)[0]["rates"]["1"], 100)
        self.assertEqual([p["library"] for p in pareto.contenders(self.points(), "1000", 0.7)], ["near", "slow"])

    def test_chosen_settings_are_found_and_replaced(self):
        chosen = pareto.choose(self.points(), "rivals", 0.7)
        first = pareto.pick(chosen, side="rivals", set="s", family="HNSW", target=0.9, batch=1000)[0]
        self.assertEqual((first["library"], first["rate"], first["recall"]), ("near", 90, 0.91))
        self.assertEqual(pareto.pick(chosen, side="elanus"), [])
        old = [first | {"library": "gone"}, first | {"library": "kept", "set": "t"}]
        libraries = {record["library"] for record in pareto.replace(old, chosen)}
        self.assertEqual(libraries, {"near", "slow", "fast", "kept"})

    def test_points_that_were_not_reached_or_are_old_are_left_out(self):
        base = {"set": "s", "family": "f", "library": "l", "build": {}, "target": 0.9, "others": {}}
        points = [base | {"search": {"ef": 1}}, base | {"search": {"ef": 2}}, base | {"target": 0.99, "search": None}]
        self.assertEqual([point["search"] for point in tune.newest(points)], [{"ef": 2}])

    def test_every_family_has_rivals_and_builds(self):
        for name, families in grids.FAMILIES.items():
            for family in families:
                self.assertTrue(grids.RIVALS[name, family] and grids.ELANUS[name, family], (name, family))
                for entry in grids.RIVALS[name, family]:
                    self.assertTrue(issubclass(rivals.adapter(entry["library"]), rivals.Rival))

    def test_stored_settings_reach_their_targets(self):
        import json

        path = pathlib.Path(grids.__file__).with_name("settings.json")
        for record in json.loads(path.read_text()):
            self.assertGreaterEqual(record["recall"], record["target"], record)
            self.assertGreater(record["rate"], 0)


class Files(unittest.TestCase):
    def test_written_matrices_are_read_again(self):
        rows = np.arange(12).reshape(3, 4)
        with tempfile.TemporaryDirectory() as folder:
            kinds = {".bvecs": np.uint8, ".fvecs": np.float32, ".ivecs": np.int32, ".npy": np.float16}
            for name, kind in kinds.items():
                path = pathlib.Path(folder) / f"rows{name}"
                datasets.write(path, rows.astype(kind))
                again = datasets.read(path)
                self.assertEqual(again.dtype, kind)
                np.testing.assert_array_equal(again, rows)
            with self.assertRaisesRegex(ValueError, "rows.txt"):
                datasets.read(pathlib.Path(folder) / "rows.txt")

    def test_gzipped_files_are_unpacked_once_and_missing_ones_named(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "a.npy.gz").write_bytes(gzip.compress(b"content"))
            path = datasets.find([folder], "a.npy", folder / "work")
            self.assertEqual(path.read_bytes(), b"content")
            self.assertEqual(datasets.find([folder], "a.npy", folder / "work"), path)
            with self.assertRaisesRegex(FileNotFoundError, "b.npy is in none.*--data"):
                datasets.find([folder], "b.npy", folder / "work")


class Counting(rivals.Rival):
    """A rival that notes what it was asked."""

    def __init__(self, batches):
        self.BATCHES, self.singles, self.many_sizes = batches, 0, []

    def configure(self, search, k, threads):
        self.threads = threads

    def requests(self, queries):
        return list(queries)

    def batches(self, queries):
        return queries

    def one(self, request):
        self.singles += 1

    def many(self, queries):
        self.many_sizes.append(len(queries))


class Rates(unittest.TestCase):
    def test_the_loop_goes_round_until_the_time_is_up(self):
        ticks, seen = itertools.count(), []
        calls, taken = measure.loop(seen.append, [1, 2, 3], 7, clock=lambda: next(ticks))
        self.assertEqual((calls, taken, seen), (7, 7, [1, 2, 3, 1, 2, 3, 1]))

    def test_batches_are_whole_and_singles_are_single(self):
        queries = np.zeros((25, 2))
        rival = Counting(True)
        self.assertGreater(measure.rate(rival, queries, {}, 10, 2, 10, 0.001), 0)
        self.assertEqual((set(rival.many_sizes), rival.singles, rival.threads), ({10}, 0, 2))
        rival = Counting(True)
        measure.rate(rival, queries, {}, 10, 1, 1, 0.001)
        self.assertEqual((rival.many_sizes, rival.threads, rival.singles > 0), ([], 1, True))

    def test_a_library_without_batches_loops(self):
        rival = Counting(False)
        measure.rate(rival, np.zeros((25, 2)), {}, 10, 1, 1000, 0.001)
        self.assertEqual((rival.many_sizes, rival.singles > 0), ([], True))

    def test_two_clients_are_processes_whose_rates_add_up(self):
        rival = Counting(True)
        self.assertGreater(measure.rate(rival, np.zeros((25, 2)), {}, 10, 2, 1, 0.001), 0)
        self.assertEqual(rival.singles, 0)


class Tables(unittest.TestCase):
    def rows(self):
        common = {"set": "s", "family": "f", "target": 0.9, "threads": 1, "ratio_low": 1, "ratio_high": 3,
                  "ratio_without_call": "", "elanus_qps": 2000, "elanus_recall": 0.9, "rival_recall": 0.9,
                  "elanus_bytes": 1, "rival_bytes": 2, "elanus_build_s": 1, "rival_build_s": 1}  # fmt: skip
        given = ((1, "a", 1000, 2.0), (1, "b", 1500, 1.4), (1000, "a", 4000, 0.5))
        return report.mark_best([common | {"batch": batch, "rival": rival, "rival_qps": rate, "ratio": ratio}
                                 for batch, rival, rate, ratio in given])  # fmt: skip

    def test_one_best_rival_a_cell(self):
        self.assertEqual([row["best"] for row in self.rows()], [0, 1, 1])

    def test_losing_first_in_both_tables(self):
        lines = report.markdown(self.rows()).splitlines()
        self.assertEqual(len(lines), 4)
        self.assertIn("**0.50**", lines[2])
        self.assertIn("**1.40**", lines[3])
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "t.csv"
            report.write_csv(path, self.rows())
            ratios = [line.split(",")[report.COLUMNS.index("ratio")] for line in path.read_text().splitlines()]
            self.assertEqual(ratios, ["ratio", "0.5", "1.4", "2.0"])

    def test_summary_counts_cells_not_rows(self):
        self.assertEqual(report.summary(self.rows()), "2 cells: 1 lost (lowest ratio 0.50), 1 won, 0 by 2x or more")
        self.assertEqual(report.summary([]), "no pair was measured")

    def test_a_call_is_taken_out_of_each_clients_time(self):
        self.assertAlmostEqual(report.without_call(2.0, 1000, 0.0005, 1), 1.0)
        self.assertAlmostEqual(report.without_call(2.0, 2000, 0.0005, 2), 1.0)
        self.assertGreater(report.without_call(2.0, 1000, 0.002, 1), 0)


if __name__ == "__main__":
    unittest.main()
