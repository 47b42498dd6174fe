"""Requests to a master. One connection each, so that threads need not share any."""

import json
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlencode, urlsplit

from .errors import MeshError

CONNECT_SECONDS = 10
# a line of events holds the output of many items
MAX_LINE = 64 * 1024 * 1024


class Http:
    def __init__(self, url, token):
        parts = urlsplit(url)

        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise MeshError(f"{url!r} is no address of a master: write http://HOST:4748", "usage")

        self._parts = parts
        self._token = token

    def json(self, method, path, body=None, query=None):
        """Asks once, and gives what the JSON of the answer says; raises MeshError."""
        with self.open(method, path, body, query) as response:
            return json.loads(response.read() or b"null")

    def open(self, method, path, body=None, query=None, accept="application/json", raw=None):
        """An answer that is still to be read, and must be closed. ``raw`` is a body that is no JSON, and its length."""
        connection_class = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
        connection = connection_class(self._parts.hostname, self._parts.port, timeout=CONNECT_SECONDS)
        headers = {"Accept": accept, "Authorization": f"Bearer {self._token}"}
        data = None

        if body is not None:
            data = json.dumps(body).encode("ascii")
            headers["Content-Type"] = "application/json"
        elif raw is not None:
            data = raw[0]
            headers.update({"Content-Type": "application/octet-stream", "Content-Length": str(raw[1])})

        try:
            connection.connect()
            # whatever is asked may take as long as it takes
            connection.sock.settimeout(None)
            connection.request(method, self._parts.path.rstrip("/") + path + (f"?{urlencode(query)}" if query else ""), data, headers)
            response = connection.getresponse()
        except (OSError, HTTPException) as err:
            connection.close()
            raise MeshError(f"no answer from {self._parts.netloc}: {err or type(err).__name__}: is a master running there with --http?", "unreachable") from err

        answer = _Answer(connection, response)

        if response.status >= 400:
            with answer:
                raise _problem(answer)

        return answer

    def lines(self, path):
        """The values of an answer in NDJSON, as they come."""
        with self.open("GET", path, accept="application/x-ndjson") as response:
            try:
                while True:
                    line = response.readline(MAX_LINE)

                    if not line:
                        return
                    if len(line) >= MAX_LINE:
                        raise MeshError("a line of the answer is too long", "failed")

                    yield json.loads(line)
            except (OSError, HTTPException, ValueError) as err:
                raise MeshError(f"the answer of {self._parts.netloc} ended early: {err or type(err).__name__}", "unreachable") from err


class _Answer:
    def __init__(self, connection, response):
        self._connection = connection
        self._response = response
        self.status = response.status
        self.headers = response.headers
        self.read = response.read
        self.readline = response.readline

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._response.close()
        self._connection.close()


def _problem(answer):
    text = answer.read(65536)

    try:
        problem = json.loads(text)

        return MeshError(str(problem["detail"]), str(problem["code"]), answer.status)
    except (ValueError, KeyError, TypeError):
        return MeshError(f"HTTP {answer.status}: {text[:200].decode('utf-8', 'replace')}", "failed", answer.status)
