"""Rules of the house that import contracts cannot say, as functions from a tree to its breaches.

A breach is reported as ``path: what``, the path relative to the root of the tree.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

__all__ = [
    "ALL",
    "bentoml_outside_bento",
    "environment_read_outside_settings",
    "file_formats_outside_image_codec",
    "machine_paths",
    "names_that_say_nothing",
    "overlong_files",
    "overlong_functions",
    "pickles",
    "unfinished_places",
]

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

PLACES = (
    "petrography",
    "training",
    "export",
    "service",
    "command_line",
    "tests",
    "benchmarks",
    "examples",
    "docs",
)
MAX_LINES = 420
MAX_FUNCTION_LINES = 40
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "core", "misc"}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb"}
FORMAT_LIBRARIES = ("PIL", "tifffile", "imagecodecs", "imageio", "skimage.io", "matplotlib.image")
FORMAT_CALLS = {"imread", "imreadmulti", "imwrite", "imdecode", "imencode"}
MACHINE_FOLDERS = ("home", "work", "root", "tmp", "Users")
MACHINE_PATH = re.compile(rf"(?<![\w.~/])/(?:{'|'.join(MACHINE_FOLDERS)})/\w")
PICKLING = (
    "pickle",
    "_pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "jsonpickle",
    "joblib",
    "shelve",
    "marshal",
)
# Names the error that torch raises where a file holds more than tensors and plain values.
PICKLE_ERRORS_KNOWN_TO = "training/foreign/reading"
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")


def sources(root: Path) -> Iterator[tuple[str, str]]:
    """Every Python file of the project: relative path and text; generated code left out."""
    files = [*root.glob("*.py"), *(path for place in PLACES for path in (root / place).rglob("*"))]
    for path in sorted(files):
        if path.suffix == ".py" and not re.search(r"_pb2(_grpc)?\.py$", path.name):
            yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")


def product_sources(root: Path) -> Iterator[tuple[str, str]]:
    """The same without tests, benchmarks and examples, which may open files as they like."""
    for path, text in sources(root):
        if path.split("/")[0] not in {"tests", "benchmarks", "examples", "docs"}:
            yield path, text


@cache
def imported_names(text: str) -> tuple[str, ...]:
    return tuple(_imported(text))


def _imported(text: str) -> Iterator[str]:
    """Names of all modules that a file imports, by statement or by a call with a string."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and called_name(node) in {"import_module", "__import__"}:
            yield from (str(word.value) for word in node.args if isinstance(word, ast.Constant))


def called_name(call: ast.Call) -> str:
    """Last part of the name of what is called: ``b`` of ``a.b()``."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def is_in(module: str, libraries: tuple[str, ...]) -> bool:
    return any(module == library or module.startswith(f"{library}.") for library in libraries)


def is_module(path: str, module: str) -> bool:
    """Whether a path is the module, as a file or as a folder."""
    return path == f"{module}.py" or path.startswith(f"{module}/")


def environment_read_outside_settings(root: Path) -> list[str]:
    """Only service/settings reads the environment; handing it on to children is no reading."""
    return [
        f"{path}: reads the environment"
        for path, text in product_sources(root)
        if not is_module(path, "service/settings") and reads_environment(text)
    ]


@cache
def reads_environment(text: str) -> bool:
    tree = ast.parse(text)
    written = {id(target) for node in ast.walk(tree) for target in written_by(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT and id(node) not in written:
            return True
        if isinstance(node, ast.ImportFrom) and ENVIRONMENT & {name.name for name in node.names}:
            return True
    return any(is_in(name, ("dotenv", "pydantic_settings")) for name in imported_names(text))


def written_by(node: ast.AST) -> Iterator[ast.AST]:
    """What a node changes without reading it: ``x[...] = ...`` and ``x.update(...)``."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
        yield node.value
    if isinstance(node, ast.Call) and called_name(node) == "update":
        yield getattr(node.func, "value", node.func)


def file_formats_outside_image_codec(root: Path) -> list[str]:
    """Only petrography/image_codec opens and writes image files."""
    return [
        f"{path}: knows image file formats"
        for path, text in product_sources(root)
        if not is_module(path, "petrography/image_codec") and knows_file_formats(text)
    ]


@cache
def knows_file_formats(text: str) -> bool:
    calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    return any(is_in(name, FORMAT_LIBRARIES) for name in imported_names(text)) or any(
        called_name(call) in FORMAT_CALLS for call in calls
    )


def bentoml_outside_bento(root: Path) -> list[str]:
    """Only service/bento imports BentoML."""
    return [
        f"{path}: imports bentoml"
        for path, text in product_sources(root)
        if not is_module(path, "service/bento")
        and any(is_in(name, ("bentoml", "_bentoml_sdk")) for name in imported_names(text))
    ]


def overlong_files(root: Path) -> list[str]:
    """A module that outgrows the limit becomes a folder of files named after steps."""
    lengths = ((path, len(text.splitlines())) for path, text in sources(root))
    return [
        f"{path}: {length} lines; at most {MAX_LINES}"
        for path, length in lengths
        if length > MAX_LINES
    ]


def overlong_functions(root: Path) -> list[str]:
    """A function fits on a screen; its docstring and signature are not counted."""
    return [
        f"{path}: {function.name} has {length} lines; at most {MAX_FUNCTION_LINES}"
        for path, text in product_sources(root)
        for function in ast.walk(ast.parse(text))
        if isinstance(function, Function)
        if (length := body_lines(function)) > MAX_FUNCTION_LINES
    ]


def body_lines(function: Function) -> int:
    """Lines of a body without its docstring and the functions inside it, which count alone."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    inner = [node for node in body if isinstance(node, Function)]
    return sum(map(lines_of, body)) - sum(map(lines_of, inner))


def lines_of(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def names_that_say_nothing(root: Path) -> list[str]:
    """A file is named after what it does."""
    return [
        f"{path}: name it after what it does"
        for path, _ in sources(root)
        if VAGUE_NAMES & set(path.removesuffix(".py").split("/"))
    ]


def machine_paths(root: Path) -> list[str]:
    """No file names a place on somebody's machine."""
    texts = dict(sources(root))
    for pattern in ("*.md", "*.toml", "*.yaml", "Makefile", ".ci/run", "docs/**/*.md"):
        texts |= {
            path.relative_to(root).as_posix(): path.read_text() for path in root.glob(pattern)
        }
    return [
        f"{path}: names the machine path {found.group()!r}"
        for path, text in sorted(texts.items())
        if (found := MACHINE_PATH.search(text))
    ]


def pickles(root: Path) -> list[str]:
    """Nothing that is read can run code, as a pickle could."""
    return [
        f"{path}: may open a pickle"
        for path, text in product_sources(root)
        if may_unpickle(text, imports_allowed=is_module(path, PICKLE_ERRORS_KNOWN_TO))
    ]


@cache
def may_unpickle(text: str, *, imports_allowed: bool) -> bool:
    if not imports_allowed and any(is_in(name, PICKLING) for name in imported_names(text)):
        return True
    calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    return any(unpickles(call) for call in calls)


def unpickles(call: ast.Call) -> bool:
    """Whether a call reads pickles: by its name, or because nothing forbids it to."""
    stated = {word.arg: ast.unparse(word.value) for word in call.keywords}
    if ast.unparse(call.func) == "torch.load" and stated.get("weights_only") != "True":
        return True
    read = {"read_pickle", "Unpickler", "pickle.load", "pickle.loads"}
    if ast.unparse(call.func) in read or called_name(call) in read:
        return True
    return stated.get("allow_pickle", "False") != "False"


def unfinished_places(root: Path) -> list[str]:
    """What is not there yet is left out, not stubbed."""
    return [
        f"{path}: unfinished: {found.group()!r}"
        for path, text in product_sources(root)
        if (found := UNFINISHED.search(text))
    ]


ALL: tuple[Callable[[Path], list[str]], ...] = (
    environment_read_outside_settings,
    file_formats_outside_image_codec,
    bentoml_outside_bento,
    overlong_files,
    overlong_functions,
    names_that_say_nothing,
    machine_paths,
    pickles,
    unfinished_places,
)
