"""A mesh, and the jobs that it is given."""

import base64
import json
import os
from collections import namedtuple
from urllib.parse import quote

from .errors import MeshError
from .function import MeshFunction
from .http import Http

DEFAULT_URL = "http://127.0.0.1:4748"

# a job in JSON has 24 MiB at most
INLINE_BYTES = 1024 * 1024

Completed = namedtuple("Completed", "code stdout stderr worker message")
Completed.__doc__ = """How a program ended: its exit status as a shell says it, what it printed, where, and in words when it did not end well."""


class Mesh:
    """A master that answers over HTTP.

    ``url`` and ``token`` are by default those of the environment,
    MESHMARK_URL and MESHMARK_TOKEN; a token is made with
    ``meshmark token create client --http``. Errors are MeshErrors.
    """

    def __init__(self, url=None, token=None):
        token = token or os.environ.get("MESHMARK_TOKEN")

        if not token:
            raise MeshError("no token: give one, or set MESHMARK_TOKEN (meshmark token create client --http makes one)", "usage")

        self._http = Http(url or os.environ.get("MESHMARK_URL") or DEFAULT_URL, token)

    def submit(self, kind, *, files=None, stdin=None, data=None, **options):
        """Submits a job and returns it. ``kind`` and options are those of POST /v1/jobs, in snake_case or as they stand there.

        ``files``: name beside the program -> path here (str or PathLike) or content (bytes).
        ``data``: name of a data set -> the same; a program finds it at ``data/NAME``.
        """
        body = {"kind": kind, **{_camel(key): value for key, value in options.items() if value is not None}}

        if files:
            body["files"] = [{"name": name, "executable": _executable(source), **self._content(source)} for name, source in files.items()]
        if data:
            body["data"] = {name: self._content(source) for name, source in data.items()}
        if stdin is not None:
            body["stdin"] = self._content(stdin)

        return Job(self._http, self._http.json("POST", "/v1/jobs", body)["id"])

    def job(self, selector):
        """A job of this token: its id, the end of it, its name, or ``@last``."""
        return Job(self._http, self._http.json("GET", f"/v1/jobs/{quote(selector, safe='')}")["view"]["job"]["id"])

    def exec(self, command, **options):
        """Runs a program once on a free worker, and waits for its end: a Completed."""
        job = self.submit("exec", command=command, **options)

        return job.completed()

    def run(self, *commands, **options):
        """Measures commands on every worker, and waits: a dict as of ``--export-json``."""
        return self.submit("run", commands=list(commands), **options).results()

    def nodes(self):
        """Masters and workers, a dict each."""
        return self._http.json("GET", "/v1/nodes")["nodes"]

    def jobs(self, **query):
        """Jobs of this token, the latest first: ``limit``, ``state``, ``name``, ``kind``, ``failed``, ``within``."""
        return self._http.json("GET", "/v1/jobs", query={key: str(value).lower() if isinstance(value, bool) else value for key, value in query.items()})["jobs"]

    def _content(self, source):
        """Small files stand in the job; others are sent before, streamed from the disk."""
        if isinstance(source, (bytes, bytearray, memoryview)):
            return {"base64": base64.b64encode(source).decode("ascii")} if len(source) <= INLINE_BYTES else self._upload(source, len(source))

        with open(source, "rb") as file:
            size = os.fstat(file.fileno()).st_size

            return self._content(file.read()) if size <= INLINE_BYTES else self._upload(file, size)

    def _upload(self, data, size):
        with self._http.open("PUT", "/v1/files", raw=(data, size)) as answer:
            return {"upload": json.loads(answer.read())["id"]}

    def function(self, fn=None, **options):
        """A decorator: calls of the function run on whichever worker is free, in the sandbox there.

        ``files`` go along, and modules among them can be imported inside;
        ``result_limit`` bounds an encoded result in bytes (64 MiB); other
        options (``timeout``, ``memory``, ``where``, ``env``, ``name``, ...)
        are those of ``submit``.
        """
        return (lambda inner: MeshFunction(self, inner, options)) if fn is None else MeshFunction(self, fn, options)


class Job:
    """A job that was accepted."""

    def __init__(self, http, id):
        self.id = id
        self._http = http

    def __repr__(self):
        return f"<meshmark.Job {self.id[-8:].lower()}>"

    def show(self):
        """What it is, and the state of its tasks."""
        return self._http.json("GET", f"/v1/jobs/{self.id}")["view"]

    def events(self):
        """What happens to it, a dict each; the last is of kind ``end``. Output comes as bytes in ``data``."""
        for event in self._http.lines(f"/v1/jobs/{self.id}/events"):
            if event.get("kind") == "output":
                event["data"] = bytes_of(event)

            yield event

            if event.get("kind") == "end":
                return

        raise MeshError("the master has gone away; the job goes on without this client", "unreachable")

    def wait(self):
        """Waits for its end: the state of the job, ``finished`` or ``cancelled``."""
        while True:
            # what has not ended by then is answered with 202
            with self._http.open("GET", f"/v1/jobs/{self.id}/results", query={"wait": "5m", "format": "ndjson"}, accept="*/*") as answer:
                if answer.status == 200:
                    break

        return self.show()["state"]

    def results(self, format="json"):
        """Its results at its end: a dict for ``json`` and ``full``, else a text (``ndjson``, ``csv``, ``markdown``, ``table``)."""
        self.wait()

        path, query = f"/v1/jobs/{self.id}/results", {"format": format}

        if format in ("json", "full"):
            return self._http.json("GET", path, query=query)

        with self._http.open("GET", path, query=query, accept="*/*") as answer:
            return answer.read().decode("utf-8")

    def output(self, stream="stdout", worker=None, command=None):
        """What its programs have printed by now, as bytes; of a map with ``command`` only that one of each worker's list, from 1."""
        query = {"stream": stream, **({} if worker is None else {"worker": worker}), **({} if command is None else {"command": command})}

        with self._http.open("GET", f"/v1/jobs/{self.id}/output", query=query, accept="*/*") as answer:
            return answer.read()

    def outcome(self):
        """Of an ``exec`` or a ``map``, at its end: a dict with its ``code``, and each of its tasks in ``tasks``."""
        self.wait()

        return self._http.json("GET", f"/v1/jobs/{self.id}/outcome")

    def collected(self):
        """Files that its tasks have brought back by now (``collect=[patterns]``): a dict each, with ``path``, ``worker`` and ``size``."""
        files = []

        while True:
            part = self._http.json("GET", f"/v1/jobs/{self.id}/collected", query={"limit": 10_000, "offset": len(files)})
            files += part["files"]

            if not part["files"] or len(files) >= part["count"]:
                return files

    def collected_file(self, path):
        """The content of one of them, as bytes."""
        with self._http.open("GET", f"/v1/jobs/{self.id}/collected/file", query={"path": path}, accept="*/*") as answer:
            return answer.read()

    def completed(self):
        """Of an ``exec``: how its program ended, a Completed."""
        outcome = self.outcome()
        task = outcome["tasks"][0] if outcome["tasks"] else {"worker": "", "state": outcome["state"]}

        if outcome.get("truncated"):
            stdout, stderr = self.output(), self.output("stderr")
        else:
            stdout, stderr = bytes_of(task.get("stdout")), bytes_of(task.get("stderr"))

        return Completed(outcome.get("code"), stdout, stderr, task["worker"], task.get("message"))

    def cancel(self):
        """Answers when the workers have confirmed; the names of those that will hear of it when they are back."""
        return self._http.json("DELETE", f"/v1/jobs/{self.id}")["pending"]


def bytes_of(data):
    """Bytes as they stand in JSON."""
    if not data:
        return b""

    return base64.b64decode(data["base64"]) if "base64" in data else data.get("text", "").encode("utf-8")


def _executable(source):
    return not isinstance(source, (bytes, bytearray, memoryview)) and os.access(source, os.X_OK)


def _camel(key):
    first, *rest = key.split("_")

    return first + "".join(word.capitalize() for word in rest)
