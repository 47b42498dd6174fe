"""What goes wrong."""


class MeshError(Exception):
    """A master refused, or cannot be reached. ``code`` is a word for programs, ``status`` that of HTTP, 0 without an answer."""

    def __init__(self, message, code="failed", status=0):
        super().__init__(message)
        self.code = code
        self.status = status


class FunctionError(TypeError):
    """A function or a value that cannot be sent; nothing has been."""


class CallError(MeshError):
    """A call ended, and the function has neither returned nor raised.

    ``state`` is how: ``limit``, ``interrupted`` (its worker died), ``failed``
    (its process ended), ``cancelled``, ...; ``limit`` is the limit that it met.
    """

    def __init__(self, message, state, limit=None, worker=""):
        super().__init__(message)
        self.state = state
        self.limit = limit
        self.worker = worker


class RemoteError(Exception):
    """An exception of a class that is not Python's own; ``type_name`` is its class."""

    def __init__(self, type_name, message):
        super().__init__(f"{type_name}: {message}" if message else type_name)
        self.type_name = type_name


class RemoteTraceback(Exception):
    """The cause of what a function raised: where it did so, as text."""

    def __init__(self, text):
        super().__init__(text)
        self.text = text

    def __str__(self):
        return f"\n{self.text}"
