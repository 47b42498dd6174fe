"""The text of a function that can stand alone."""

import ast
import builtins
import inspect
import symtable
import textwrap

from .errors import FunctionError

_KNOWN = {*dir(builtins), "__name__", "__file__", "__builtins__"}


def source_of(fn):
    """The text of a function without its decorators; raises FunctionError for one that needs more than its text."""
    if inspect.isclass(fn) or not inspect.isfunction(fn):
        raise FunctionError(f"{getattr(fn, '__name__', fn)!s} is no function written with def: only those can be sent")

    name = fn.__name__

    if name == "<lambda>":
        raise FunctionError("a lambda has no text of its own: write it with def")
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise FunctionError(f"{name} is a generator, whose values would have to be asked for one by one: return a list")
    if "<locals>" in fn.__qualname__ and fn.__code__.co_freevars:
        raise _outside(name, list(fn.__code__.co_freevars))

    try:
        text = textwrap.dedent(inspect.getsource(fn))
        tree = ast.parse(text)
    except (OSError, SyntaxError) as err:
        raise FunctionError(f"the text of {name} cannot be found: define it in a file, or in a notebook ({err})") from None

    node = tree.body[0]

    if len(tree.body) != 1 or not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        raise FunctionError(f"{name} is no function written with def: only those can be sent")

    outside = _free_names(node)

    if outside:
        raise _outside(name, outside)

    # decorators stand above, and stay at home
    return "\n".join(text.splitlines()[node.lineno - 1:node.end_lineno]) + "\n"


def _outside(name, names):
    return FunctionError(
        f"{name} uses {', '.join(names)} from outside of itself, and nothing but its own text goes to the worker: "
        "pass them as arguments, import and define them inside of it, or send a module along (files=) and import it there"
    )


def _free_names(node):
    """Global names that Python does not have itself, in the order in which they stand there."""
    bare = _WithoutAnnotations().visit(ast.parse(ast.unparse(node)).body[0])
    bare.decorator_list = []
    table = symtable.symtable(ast.unparse(ast.fix_missing_locations(bare)), "<function>", "exec")
    used = {symbol.get_name() for inner in _all_tables(table) for symbol in inner.get_symbols() if symbol.is_referenced() and symbol.is_global()}
    free = {name for name in used if name not in _KNOWN and name != node.name}
    places = {}

    for found in ast.walk(bare):
        if isinstance(found, ast.Name) and found.id in free:
            places.setdefault(found.id, (found.lineno, found.col_offset))

    return sorted(free, key=lambda name: places.get(name, (0, 0)))


def _all_tables(table):
    yield table

    for child in table.get_children():
        yield from _all_tables(child)


class _WithoutAnnotations(ast.NodeTransformer):
    """Types of arguments, results and variables are not evaluated on the worker."""

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        node.returns = None

        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_arg(self, node):
        node.annotation = None

        return node

    def visit_AnnAssign(self, node):
        self.generic_visit(node)
        node.annotation = ast.Constant(0)

        return node
