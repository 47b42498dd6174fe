"""Functions whose calls run on workers."""

import builtins
import functools
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .errors import CallError, FunctionError, MeshError, RemoteError, RemoteTraceback
from .source import source_of
from .values import decode, encode

RESULT_LIMIT = 64 * 1024 * 1024
# what a function prints beside a result that uses its bound up
PRINTED_BYTES = 16 * 1024 * 1024
MAX_ITEM_BYTES = 64 * 1024
MAX_JOB_BYTES = 8 * 1024 * 1024
MAX_CALLS = 500
KEPT_OUTPUT = 4096
QUOTA_SECONDS = 60

# what the function prints goes to stderr, however it does; the host answers on another descriptor
LINE = 'exec python3 meshmark_host.py "$@" 3>&1 1>&2'

_HERE = Path(__file__).parent


class MeshFunction:
    """A function that runs on whichever worker is free; ``local`` is the function itself."""

    def __init__(self, mesh, fn, options):
        functools.update_wrapper(self, fn)
        options = dict(options)
        self.local = fn
        self._mesh = mesh
        self._name = fn.__name__
        self._most = int(options.pop("result_limit", RESULT_LIMIT))
        self._files = {
            "meshmark_host.py": (_HERE / "host.py").read_bytes(),
            "meshmark_values.py": (_HERE / "values.py").read_bytes(),
            "meshmark_function.py": source_of(fn).encode("utf-8"),
            **options.pop("files", {}),
        }
        self._options = {"output_limit": self._most + PRINTED_BYTES, **options}

    def __call__(self, *args, **kwargs):
        """Waits for the result. Raises what the function raised, or a CallError."""
        ((_, outcome),) = self._calls([self._encode(args, kwargs)])

        return outcome()

    def map(self, inputs, *, ordered=True, concurrency=1000):
        """A call for each input; yields the results, in the order of the inputs or as calls end.

        Inputs are taken as results are: at most ``concurrency`` are on their
        way. The first call that fails ends it; leaving it early cancels what runs.
        """
        for _, outcome in self._outcomes(inputs, ordered, concurrency):
            yield outcome()

    def settle(self, inputs, *, ordered=True, concurrency=1000):
        """As ``map``, but yields ``(index, result, exception)``, of which one of the last two is None."""
        for index, outcome in self._outcomes(inputs, ordered, concurrency):
            try:
                yield index, outcome(), None
            except Exception as err:
                yield index, None, err

    def _outcomes(self, inputs, ordered, concurrency):
        if concurrency < 1:
            raise ValueError(f"concurrency must be 1 or more, not {concurrency}")

        pump = _Pump(self, enumerate(inputs), concurrency)

        try:
            yield from pump.in_order() if ordered else pump.as_they_end()
        finally:
            pump.close()

    def _encode(self, args, kwargs):
        return encode([list(args), kwargs], f"an argument of {self._name}")

    def _calls(self, encoded, on_job=None):
        """One job with an item for each list of arguments; yields ``(index, outcome)`` as they end, where ``outcome()`` gives or raises."""
        files, items = dict(self._files), []

        for index, text in enumerate(encoded):
            if len(text) <= MAX_ITEM_BYTES:
                items.append(text)
            else:
                name = f"meshmark_arguments/{index}"
                files[name] = text.encode("ascii")
                items.append(name)

        job = _patiently(lambda: self._mesh.submit("each", command=["sh", "-c", LINE, "sh", self._name, str(self._most), "{}"], items=items, files=files, **self._options))

        if on_job is not None:
            on_job(job)

        left = set(range(len(items)))

        try:
            for end, stdout, stderr in _ends(job, self._most + 1):
                index = int(end["task"]) - 1

                if index in left:
                    left.remove(index)
                    yield index, functools.partial(self._outcome, end, stdout, stderr)

                if not left:
                    return
        finally:
            if left:
                # nobody waits for them any more
                try:
                    job.cancel()
                except MeshError:
                    pass

        raise CallError(f"{self._name} has no end: the mesh does not know what became of it", "lost")

    def _outcome(self, end, stdout, stderr):
        worker, state = end.get("workerName", ""), end["state"]
        where = f" on {worker}" if worker else ""
        text = "" if stdout is None else stdout.decode("ascii", "replace")
        kind, text = text[:1], text[1:]

        def failed(message):
            return CallError(message, state, end.get("limit"), worker)

        if stdout is None:
            raise failed(f"what {self._name} answered{where} is longer than its result may be")

        try:
            if state == "done" and kind == "=":
                return decode(text)
            if state == "failed" and kind == "!":
                described = decode(text)
        except ValueError as err:
            raise failed(f"what {self._name} answered{where} cannot be read: {err}") from None

        if state == "failed" and kind == "!":
            raise _raised(described, worker)
        if state == "failed" and kind == "?":
            raise failed(f"{text[:500]} ({self._name}{where})")

        raise failed(f"{self._name}{where} {_how_it_ended(end, stderr)}")


class _Pump:
    """Jobs of a map in threads of their own; inputs are taken under a lock, as there is room for them."""

    JOBS = 4

    def __init__(self, function, inputs, concurrency):
        self._function = function
        self._inputs = inputs
        self._concurrency = concurrency
        self._size = max(1, min(MAX_CALLS, concurrency // self.JOBS))
        self._threads = ThreadPoolExecutor(min(self.JOBS, concurrency), thread_name_prefix="meshmark")
        self._changed = threading.Condition()
        self._ends = {}
        self._arrived = deque()
        self._open = 0
        self._running = 0
        self._taken = 0
        self._over = False
        self._closed = False
        self._failure = None
        self._jobs = set()

    def in_order(self):
        for index in iter(lambda: self._taken, None):
            if not self._await(lambda: index in self._ends):
                return

            yield index, self._take(index)

    def as_they_end(self):
        while self._await(lambda: self._arrived):
            index = self._arrived.popleft()

            yield index, self._take(index)

    def close(self):
        with self._changed:
            self._closed = True
            jobs = list(self._jobs)

        for job in jobs:
            try:
                job.cancel()
            except MeshError:
                pass

        self._threads.shutdown(wait=True)

    def _await(self, ready):
        """False when no more will come."""
        while True:
            self._fill()

            with self._changed:
                if ready():
                    return True
                if self._failure is not None:
                    raise self._failure
                if self._over and self._open == 0:
                    return False
                # a job may have ended since
                if not self._has_room():
                    self._changed.wait()

    def _take(self, index):
        with self._changed:
            outcome = self._ends.pop(index)
            self._open -= 1
            self._taken += 1

        return outcome

    def _has_room(self):
        return not self._over and self._running < self.JOBS and self._open + self._size <= self._concurrency

    def _fill(self):
        """Begins jobs while there are inputs and room. Only the thread that takes results does, so that inputs are asked by one."""
        while self._has_room():
            batch, size = [], 0

            while len(batch) < self._size and size < MAX_JOB_BYTES:
                try:
                    index, value = next(self._inputs)
                except StopIteration:
                    self._over = True
                    break

                text = self._function._encode([value], {})
                size += len(text)
                batch.append((index, text))

            if batch:
                with self._changed:
                    self._open += len(batch)
                    self._running += 1

                self._threads.submit(self._run, batch)

    def _run(self, batch):
        job = None

        def began(started):
            nonlocal job
            job = started

            with self._changed:
                self._jobs.add(job)
                closed = self._closed

            if closed:
                job.cancel()

        try:
            if not self._closed:
                for place, outcome in self._function._calls([text for _, text in batch], began):
                    with self._changed:
                        index = batch[place][0]
                        self._ends[index] = outcome
                        self._arrived.append(index)
                        self._changed.notify_all()
        except BaseException as err:
            with self._changed:
                self._failure = self._failure or err
        finally:
            with self._changed:
                self._jobs.discard(job)
                self._running -= 1
                self._changed.notify_all()


def _patiently(ask):
    """Other programs of the same token may have taken all that one token is given at once."""
    until = time.monotonic() + QUOTA_SECONDS

    while True:
        try:
            return ask()
        except MeshError as err:
            if err.code != "quota" or time.monotonic() > until:
                raise

        time.sleep(0.5)


def _ends(job, most):
    """``(end, stdout, stderr)`` of each item; stdout is None when it is longer than an answer can be. stderr is its end."""
    from .mesh import bytes_of

    opened = None

    def close():
        end, parts, _, printed = opened

        return end, None if parts is None else b"".join(parts), printed

    for event in job.events():
        if event["kind"] == "items":
            for end in event["items"]:
                if opened is not None:
                    yield close()

                stdout, stderr = bytes_of(end.get("stdout")), bytes_of(end.get("stderr"))
                opened = [end, [stdout], end["stdoutBytes"] + end["stderrBytes"] - len(stdout) - len(stderr), stderr[-KEPT_OUTPUT:]]

                if opened[2] <= 0:
                    yield close()
                    opened = None
        elif event["kind"] == "output" and opened is not None and event["task"] == opened[0]["task"]:
            opened[2] -= len(event["data"])

            if event["stream"] == "stderr":
                opened[3] = (opened[3] + event["data"])[-KEPT_OUTPUT:]
            elif opened[1] is not None:
                opened[1] = None if sum(map(len, opened[1])) + len(event["data"]) > most else [*opened[1], event["data"]]

            if opened[2] <= 0:
                yield close()
                opened = None

    if opened is not None:
        yield close()


def _raised(described, worker):
    """What the function raised, with where as its cause. Python's own classes are themselves."""
    if not isinstance(described, dict):
        return RemoteError("Exception", "")

    type_name, args, message = str(described.get("type")), described.get("args"), str(described.get("message"))
    kind = getattr(builtins, type_name, None)
    err = None

    # not what ends programs and loops
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, (StopIteration, StopAsyncIteration)):
        try:
            err = kind(*args) if isinstance(args, list) else kind(message)
        except Exception:
            err = None

    err = err or RemoteError(type_name, message)
    err.worker = worker
    err.__cause__ = RemoteTraceback(f"on {worker}:\n{described.get('traceback')}")

    return err


def _how_it_ended(end, stderr):
    state, reason = end["state"], end.get("reason")
    because = f": {reason}" if reason else ""
    printed = stderr.decode("utf-8", "replace").strip()[-500:]
    last = f"; it printed last: {printed}" if printed else ""

    if state == "limit":
        return f"was stopped at a limit ({end.get('limit')}){because}"
    if state == "failed":
        code = (end.get("exit") or {}).get("code")

        if code == 127 and "python3" in printed:
            return f"could not be started: there is no python3{last}"

        return f"ended its process ({(end.get('exit') or {}).get('signal') or f'exit code {code}'}) before it returned{last}"
    if state == "done":
        return f"ended its process before it returned{last}"

    return {"interrupted": "was interrupted", "lost": "was lost with its worker", "cancelled": "was cancelled", "not-run": "could not be started"}.get(state, f"ended as {state}") + because


__all__ = ["FunctionError", "MeshFunction"]
