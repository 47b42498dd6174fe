"""Calls the function once: the program that runs inside the sandbox.

``python3 meshmark_host.py NAME MOST ARGUMENTS``: the function's name, how many
bytes its result may have, and its encoded arguments, or the path of a file with
them. Answers on descriptor 3; stdout is the function's own.
"""

import asyncio
import builtins
import inspect
import linecache
import os
import sys
import traceback

ANSWER_FD = 3
FUNCTION = "meshmark_function.py"


def main():
    name, most, given = sys.argv[1:4]

    from meshmark_values import decode, encode

    with open(FUNCTION, encoding="utf-8") as file:
        text = file.read()

    # the annotations of a function may speak of what stays at home
    import __future__

    module = {"__name__": "meshmark_function", "__builtins__": builtins, "__file__": FUNCTION}
    code = compile(text, FUNCTION, "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True)

    if not given.startswith("["):
        with open(given, encoding="ascii") as file:
            given = file.read()

    try:
        args, kwargs = decode(given)
        exec(code, module)
        result = module[name](*args, **kwargs)

        if inspect.isawaitable(result):
            result = asyncio.run(_await(result))
    except BaseException as err:
        if isinstance(err, SystemExit):
            raise

        linecache.checkcache()
        answer(1, "!" + encode(described(err, encode)))

    try:
        encoded = encode(result, f"the result of {name}")
    except TypeError as err:
        answer(1, f"?{err}")

    if len(encoded) > int(most):
        answer(1, f"?the result of {name} has {len(encoded):,} bytes encoded, and {int(most):,} are allowed: raise result_limit, or return less")

    answer(0, "=" + encoded)


async def _await(awaitable):
    return await awaitable


def described(err, encode):
    """Class, arguments, message and the traceback from the function on."""
    frames = traceback.TracebackException.from_exception(err)
    frames.stack = traceback.StackSummary.from_list([frame for frame in frames.stack if frame.filename.endswith(FUNCTION)] or frames.stack)

    try:
        encode(list(err.args))
        args = list(err.args)
    except TypeError:
        args = None

    try:
        message = str(err)
    except Exception:
        message = ""

    return {"type": type(err).__name__, "args": args, "message": message, "traceback": "".join(frames.format())[-65536:]}


def answer(code, text):
    """Writes all of it, and ends the process whatever the function has left running."""
    sys.stdout.flush()
    sys.stderr.flush()

    data = memoryview(text.encode("ascii", "backslashreplace"))

    while data:
        data = data[os.write(ANSWER_FD, data):]

    os._exit(code)


main()
