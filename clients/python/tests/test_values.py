import datetime
import math
import random
import unittest

from meshmark.values import decode, encode


def some_value(rng, depth=0):
    kinds = ["none", "bool", "int", "big", "float", "str", "bytes", "complex", "datetime", "timedelta"]
    kind = rng.choice(kinds if depth > 3 else [*kinds, "list", "dict", "odd dict", "tuple", "set"])

    def inner():
        return some_value(rng, depth + 1)

    def key():
        return rng.choice([rng.randint(-9, 9), str(rng.random()), (1, "a"), None, b"k", "$"])

    count = rng.randint(0, 4)

    return {
        "none": lambda: None,
        "bool": lambda: rng.random() < 0.5,
        "int": lambda: rng.randint(-(2**60), 2**60),
        "big": lambda: rng.getrandbits(20_000) - rng.getrandbits(20_000),
        "float": lambda: rng.choice([rng.random() * 10.0 ** rng.randint(-300, 300), -0.0, math.inf, -math.inf]),
        "str": lambda: "".join(chr(rng.choice([rng.randint(0, 127), rng.randint(0, 0x10FFFF)])) for _ in range(count)),
        "bytes": lambda: rng.choice([bytes, bytearray])(rng.randbytes(count)),
        "complex": lambda: complex(rng.random(), -0.0),
        "datetime": lambda: rng.choice([datetime.datetime(2026, 1, 2, 3, 4, 5, 6, datetime.timezone.utc), datetime.date(2026, 1, 2), datetime.datetime(1, 1, 1)]),
        "timedelta": lambda: datetime.timedelta(rng.randint(-9, 9), rng.randint(0, 9), 5),
        "list": lambda: [inner() for _ in range(count)],
        "dict": lambda: {str(rng.random()): inner() for _ in range(count)},
        "odd dict": lambda: {key(): inner() for _ in range(count)},
        "tuple": lambda: tuple(inner() for _ in range(count)),
        "set": lambda: rng.choice([set, frozenset])(key() for _ in range(count)),
    }[kind]()


class Values(unittest.TestCase):
    def test_come_back_as_they_went(self):
        for seed in range(500):
            value = some_value(random.Random(seed))
            back = decode(encode(value))

            self.assertEqual(back, value, seed)
            self.assertEqual(type(back), type(value), seed)

        self.assertTrue(math.isnan(decode(encode(math.nan))))
        self.assertEqual(math.copysign(1, decode(encode(-0.0))), -1)

    def test_that_cannot_be_sent_are_refused_with_where_they_are(self):
        cyclic = []
        cyclic.append(cyclic)

        for value, words in [
            ({"a": [1, print]}, "the value['a'][1] cannot be sent: it is a builtins.builtin_function_or_method"),
            (cyclic, "the value[0] cannot be sent: it contains itself"),
            (ValueError("x"), "it is a builtins.ValueError"),
            (type("Odd", (dict,), {})(), "Odd"),
        ]:
            with self.assertRaises(TypeError) as caught:
                encode(value)

            self.assertIn(words, str(caught.exception))

        deep = []

        for _ in range(100_000):
            deep = [deep]

        with self.assertRaisesRegex(TypeError, "nested too deeply"):
            encode(deep)

    def test_that_are_shared_are_no_cycle(self):
        shared = [1]

        self.assertEqual(decode(encode([shared, shared])), [[1], [1]])

    def test_are_read_without_running_anything_whatever_the_text_says(self):
        rng = random.Random(1)
        tags = ["int", "float", "bytes", "bytearray", "complex", "datetime", "date", "timedelta", "tuple", "set", "dict", "__import__", "x"]
        bodies = ["null", "1", '"a"', "[]", "[1]", "[[1]]", '[["a",1]]', "{}", "[[[]]]", '[1,"b"]', "1e999"]

        for _ in range(2_000):
            text = '{"$":"%s","v":%s}' % (rng.choice(tags), rng.choice(bodies))

            try:
                decode(rng.choice([text, f"[{text}]"]))
            except ValueError:
                pass

        for text in ["NaN", "[" * 100_000, '{"$":1,"v":1}', '{"$":"int"}', '{"$":"int","v":"1","w":2}', ""]:
            with self.assertRaises(ValueError):
                decode(text)


if __name__ == "__main__":
    unittest.main()
