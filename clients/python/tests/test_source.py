import functools
import json
import math
import unittest
from typing import List

from meshmark import FunctionError
from meshmark.source import source_of

FACTOR = 3


def passed(fn):
    return fn


class Sources(unittest.TestCase):
    def refusal(self, fn):
        with self.assertRaises(FunctionError) as caught:
            source_of(fn)

        return str(caught.exception)

    def test_of_functions_that_can_stand_alone(self):
        @passed
        def square(x: List[int], *, scale: "int" = 1) -> List[float]:
            # a comment
            total: List[int] = [y * y for y in x]
            return total * scale

        def fib(n):
            return n if n < 2 else fib(n - 1) + fib(n - 2)

        async def imports(text):
            import json as reader

            def inner():
                return [reader.loads(text), __name__]

            return inner()

        self.assertTrue(source_of(square).startswith("def square(x: List[int]"))
        self.assertIn("# a comment", source_of(square))
        self.assertNotIn("@", source_of(square))
        self.assertTrue(source_of(imports).startswith("async def imports(text):\n    import json"))
        self.assertIn("uses fib from outside", self.refusal(fib))
        source_of(fact)

    def test_that_use_what_is_outside_are_refused_naming_it(self):
        local = 5

        def globals_(x):
            return math.sqrt(x) * FACTOR + json.loads("1")

        def closure(x):
            return x + local

        def default(x=FACTOR):
            return x

        def decorated(x):
            @functools.lru_cache
            def inner(y):
                return y

            return inner(x)

        self.assertIn("globals_ uses math, FACTOR, json from outside of itself", self.refusal(globals_))
        self.assertIn("closure uses local from", self.refusal(closure))
        self.assertIn("default uses FACTOR from", self.refusal(default))
        self.assertIn("decorated uses functools from", self.refusal(decorated))

    def test_that_are_no_plain_functions_are_refused(self):
        def values():
            yield 1

        self.assertIn("a lambda has no text of its own", self.refusal(lambda x: x))
        self.assertIn("values is a generator", self.refusal(values))
        self.assertIn("is no function written with def", self.refusal(math.sqrt))
        self.assertIn("is no function written with def", self.refusal(Sources))
        self.assertIn("is no function written with def", self.refusal(functools.partial(fact, 1)))


def fact(n):
    return 1 if n < 2 else n * fact(n - 1)


if __name__ == "__main__":
    unittest.main()
