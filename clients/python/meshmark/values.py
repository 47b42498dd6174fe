"""Values as JSON, with tags for what JSON lacks.

Both ends have this file: it goes along with every function. Nothing that is
decoded runs code, whatever the text says; so no pickle.
"""

import base64
import datetime
import json
import math

TAG = "$"

# JSON's numbers beyond this are read as floats elsewhere, and slowly here
_SAFE = 2**53


def encode(value, what="the value"):
    """The text of a value; raises TypeError that says where in it the culprit is."""
    try:
        return json.dumps(_pack(value, what, []), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except RecursionError:
        raise TypeError(f"{what} cannot be sent: it is nested too deeply") from None


def decode(text):
    """The value of a text; raises ValueError for what no `encode` has written."""
    try:
        return _unpack(json.loads(text, parse_constant=_refuse))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except (TypeError, LookupError, AttributeError, ArithmeticError) as err:
        raise ValueError(f"not a value: {err}") from None


def _pack(value, at, above):
    kind = type(value)

    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return value if -_SAFE < value < _SAFE else {TAG: "int", "v": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {TAG: "float", "v": repr(value)}
    if kind in _SIMPLE:
        return {TAG: kind.__name__, "v": _SIMPLE[kind](value)}

    if any(value is other for other in above):
        raise TypeError(f"{at} cannot be sent: it contains itself")

    inside = [*above, value]

    if kind is list:
        return [_pack(item, f"{at}[{index}]", inside) for index, item in enumerate(value)]
    if kind is dict:
        if TAG not in value and all(type(key) is str for key in value):
            return {key: _pack(item, f"{at}[{key!r}]", inside) for key, item in value.items()}

        return {TAG: "dict", "v": [[_pack(key, f"a key of {at}", inside), _pack(item, f"{at}[{key!r}]", inside)] for key, item in value.items()]}
    if kind in (tuple, set, frozenset):
        return {TAG: kind.__name__, "v": [_pack(item, f"{at}[{index}]" if kind is tuple else f"an item of {at}", inside) for index, item in enumerate(value)]}

    raise TypeError(f"{at} cannot be sent: it is a {kind.__module__}.{kind.__qualname__}; send the plain values of it")


def _base64(data):
    return base64.b64encode(bytes(data)).decode("ascii")


def _isoformat(value):
    return value.isoformat()


_SIMPLE = {
    bytes: _base64,
    bytearray: _base64,
    complex: lambda value: [repr(value.real), repr(value.imag)],
    datetime.datetime: _isoformat,
    datetime.date: _isoformat,
    datetime.timedelta: lambda value: [value.days, value.seconds, value.microseconds],
}


def _unpack(value):
    if isinstance(value, list):
        return [_unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    if TAG not in value:
        return {key: _unpack(item) for key, item in value.items()}

    kind = value[TAG]

    if not isinstance(kind, str) or kind not in _MAKERS or set(value) != {TAG, "v"}:
        raise ValueError("an unknown tag")

    return _MAKERS[kind](value["v"])


def _pairs(items):
    return {_unpack(key): _unpack(item) for key, item in items}


_MAKERS = {
    "int": lambda text: int(text, 16),
    "float": lambda text: {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[text],
    "bytes": lambda text: base64.b64decode(text, validate=True),
    "bytearray": lambda text: bytearray(base64.b64decode(text, validate=True)),
    "complex": lambda parts: complex(float(parts[0]), float(parts[1])),
    "datetime": lambda text: datetime.datetime.fromisoformat(text),
    "date": lambda text: datetime.date.fromisoformat(text),
    "timedelta": lambda parts: datetime.timedelta(*parts),
    "tuple": lambda items: tuple(_unpack(item) for item in items),
    "set": lambda items: {_unpack(item) for item in items},
    "frozenset": lambda items: frozenset(_unpack(item) for item in items),
    "dict": _pairs,
}


def _refuse(name):
    raise ValueError(f"{name} is no JSON")
