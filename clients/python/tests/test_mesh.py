"""With a mesh of two workers: MESHMARK_URL and MESHMARK_TOKEN say where."""

import itertools
import os
import tempfile
import unittest

from meshmark import CallError, FunctionError, Mesh, MeshError, RemoteError


@unittest.skipUnless(os.environ.get("MESHMARK_URL"), "needs a mesh: MESHMARK_URL and MESHMARK_TOKEN")
class WithAMesh(unittest.TestCase):
    def setUp(self):
        self.mesh = Mesh()

    def test_programs_run_and_are_followed(self):
        done = self.mesh.exec(["sh", "-c", "cat data.txt; cat; echo no >&2; exit 3"], files={"data.txt": b"one\n"}, stdin=b"two\xff\n", timeout="20s")

        self.assertEqual((done.code, done.stdout, done.stderr), (3, b"one\ntwo\xff\n", b"no\n"))
        self.assertRegex(done.worker, r"lab-\d")

        job = self.mesh.submit("each", command=["echo", "{}"], items=["a", "b"], name="python-items")
        kinds = [event["kind"] for event in job.events()]

        self.assertEqual((kinds[0], kinds[-1]), ("job", "end"))
        self.assertIn("items", kinds)
        self.assertEqual(job.wait(), "finished")
        self.assertEqual(self.mesh.job("python-items").id, job.id)
        self.assertEqual(sorted(job.output().split()), [b"a", b"b"])
        self.assertEqual(self.mesh.jobs(limit=1)[0]["id"], job.id)

    def test_each_worker_does_its_list_and_brings_files_back(self):
        job = self.mesh.submit("map", map={"lists": [{"on": "all", "commands": ["sh ./go", {"run": "sh -c 'exit 3'"}]}]},
                               files={"go": b"mkdir out; cat data/words >out/x; echo went"}, data={"words": b"one"}, collect=["out/*"])
        outcome = job.outcome()
        worker = outcome["tasks"][0]["worker"]

        self.assertEqual((outcome["code"], [task["code"] for task in outcome["tasks"] if task["worker"] == worker]), (1, [0, 3]))
        self.assertEqual(job.output(worker=worker, command=1), b"went\n")
        self.assertIn(f"{worker}/1.1/out/x", [file["path"] for file in job.collected()])
        self.assertEqual(job.collected_file(f"{worker}/1.1/out/x"), b"one")

    def test_programs_are_measured(self):
        results = self.mesh.run("true", runs=3, on="any")["results"]

        self.assertEqual(len(results), 1)
        self.assertEqual(len(results[0]["times"]), 3)

    def test_a_file_that_is_large_is_sent_before(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"x" * 3_000_000)
            file.flush()

            self.assertEqual(self.mesh.exec(["wc", "-c", "big"], files={"big": file.name}).stdout.split()[0], b"3000000")

    def test_functions_run_on_a_worker(self):
        @self.mesh.function(timeout="30s")
        def square(x):
            """The square."""
            return x * x

        @self.mesh.function
        async def echo(*args, **kwargs):
            print("this is no result")

            return args, kwargs

        self.assertEqual(square(7), 49)
        self.assertEqual(square.__doc__, "The square.")
        self.assertEqual(square.local(3), 9)

        args = ({1: (2, {3}), "$": b"\0"}, 2**100, float("inf"), "é\ud800", bytes(100_000))
        self.assertEqual(echo(*args, key=None), (args, {"key": None}))

    def test_many_inputs_each_once_and_in_order(self):
        @self.mesh.function
        def label(x):
            return f"n{x}"

        self.assertEqual(list(label.map(range(14), concurrency=8)), [f"n{x}" for x in range(14)])

        # no more are taken than results are
        endless = label.map(itertools.count(), concurrency=4)
        self.assertEqual(next(endless), "n0")
        endless.close()

        @self.mesh.function
        def picky(x):
            if x == 1:
                raise ValueError("one")

            return x

        ends = sorted((index, result, str(err)) for index, result, err in picky.settle([0, 1, 2], ordered=False))
        self.assertEqual(ends, [(0, 0, "None"), (1, None, "one"), (2, 2, "None")])

    def test_what_functions_raise_is_raised_here(self):
        @self.mesh.function
        def broken(what):
            import decimal

            if what == "own":
                raise decimal.InvalidOperation("odd")
            if what == "end":
                raise SystemExit(4)
            if what == "stop":
                raise StopIteration("enough")

            try:
                {}[what]
            except KeyError as err:
                raise ValueError("no " + what, 7) from err

        with self.assertRaises(ValueError) as caught:
            broken("luck")

        self.assertEqual(caught.exception.args, ("no luck", 7))
        self.assertRegex(caught.exception.worker, r"lab-\d")
        self.assertRegex(str(caught.exception.__cause__), r"(?s)on lab-\d:.*KeyError: 'luck'.*direct cause.*meshmark_function.py\", line \d+, in broken.*ValueError")
        self.assertNotIn("meshmark_host", str(caught.exception.__cause__))

        with self.assertRaisesRegex(RemoteError, "InvalidOperation"):
            broken("own")
        with self.assertRaisesRegex(RemoteError, "StopIteration: enough"):
            broken("stop")
        with self.assertRaisesRegex(CallError, r"broken on lab-\d ended its process \(exit code 4\) before it returned"):
            broken("end")

    def test_functions_that_do_not_end_well_say_why(self):
        @self.mesh.function(timeout="700ms")
        def forever():
            while True:
                pass

        @self.mesh.function(result_limit=1_000_000)
        def much():
            return bytes(1_000_000)

        @self.mesh.function
        def odd():
            return object()

        @self.mesh.function
        def spy(path):
            with open(path, encoding="utf-8") as file:
                return file.read()

        with self.assertRaises(CallError) as caught:
            forever()

        self.assertEqual((caught.exception.state, caught.exception.limit), ("limit", "wall"))
        self.assertIn("wall limit of 700 ms", str(caught.exception))

        with self.assertRaisesRegex(CallError, "the result of much has 1,333,3.. bytes encoded, and 1,000,000 are allowed"):
            much()
        with self.assertRaisesRegex(CallError, "the result of odd cannot be sent: it is a builtins.object"):
            odd()
        with self.assertRaises((FileNotFoundError, PermissionError)):
            spy("/etc/shadow")

    def test_files_and_modules_go_along(self):
        @self.mesh.function(files={"stats.py": b"def total(rows):\n    return sum(rows) * 10\n", "table.csv": b"1,2,3"})
        def total(name):
            import stats

            with open(name, encoding="utf-8") as file:
                return stats.total(map(int, file.read().split(",")))

        self.assertEqual(total("table.csv"), 60)

    def test_what_cannot_be_sent_is_refused_before(self):
        before = len(self.mesh.jobs(limit=1000))

        with self.assertRaisesRegex(FunctionError, "uses os from outside of itself"):
            @self.mesh.function
            def listing():
                return os.listdir()

        @self.mesh.function
        def same(x):
            return x

        with self.assertRaisesRegex(TypeError, "an argument of same"):
            same(object())

        self.assertEqual(len(self.mesh.jobs(limit=1000)), before)

    def test_a_master_says_what_is_wrong(self):
        with self.assertRaises(MeshError) as caught:
            self.mesh.exec("true", timeout="soon")

        self.assertEqual((caught.exception.code, caught.exception.status), ("usage", 400))

        with self.assertRaises(MeshError) as caught:
            Mesh(token="mmh1-wrong").nodes()

        self.assertEqual(caught.exception.status, 401)

        with self.assertRaisesRegex(MeshError, "is a master running there with --http"):
            Mesh("http://127.0.0.1:9", "x").nodes()

    def test_nodes_are_told(self):
        self.assertEqual(sorted(node["name"] for node in self.mesh.nodes() if node["role"] == "worker"), ["lab-1", "lab-2"])


if __name__ == "__main__":
    unittest.main()
