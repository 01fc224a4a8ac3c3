"""Rules that every source file keeps."""

import ast
import re

import pytest
from repository import committed, name, python_files, syntax

LINES = 400  # the most a file may have
SOURCES = python_files("src", "tests")
SHIPPED = python_files("src")

# Functions that draw from the global generator unless they are given one. Layers of torch.nn, and
# torch.nn.init with them, can only draw from the global one: where a network is built, the seed is
# set inside fork_rng, which gives the global state back.
TORCH_DRAWS = {
    "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "normal",
    "bernoulli", "multinomial", "poisson",
}  # fmt: skip
TENSOR_DRAWS = {
    "normal_", "uniform_", "random_", "bernoulli_", "exponential_", "geometric_", "cauchy_",
    "log_normal_", "bernoulli", "multinomial",
}  # fmt: skip
TORCH_SEEDS = {"torch.manual_seed", "torch.seed", "torch.random.manual_seed", "torch.random.seed"}
FORK = "torch.random.fork_rng"
# Generators of one's own, and reading the global state to show that it was left alone.
NUMPY_EXPLICIT = {
    "default_rng",
    "Generator",
    "SeedSequence",
    "PCG64",
    "Philox",
    "RandomState",
    "get_state",
}
PLACES = ("work", "tmp", "root", "home", "mnt", "Users")  # where machines keep their own files


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_file_is_short(path):
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= LINES, f"{lines} lines: split it by concept"


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_one_file_knows_the_accelerator(path):
    if name(path) == "src/kinecast/core/device.py":
        return
    found = list(device_literals(syntax(path)))
    assert not found, f"lines {found}: ask core/device.py"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_randomness_comes_from_a_generator(path):
    found = list(global_draws(syntax(path)))
    assert not found, f"{found}: draw from core.rng.generator(...)"


def test_no_file_names_a_place_on_a_machine():
    place = re.compile(rb"(?<![\w./:-])/(?:" + "|".join(PLACES).encode() + rb")/\w")
    found = {
        name(path): match.group().decode()
        for path in committed()
        if (match := place.search(path.read_bytes()))
    }
    assert not found


def device_literals(tree):
    """Lines with a CUDA device's name as a string, or an attribute called cuda."""
    for node in ast.walk(tree):
        named = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if named and re.fullmatch(r"cuda(:.*)?", node.value):
            yield node.lineno
        if isinstance(node, ast.Attribute) and node.attr == "cuda":
            yield node.lineno


def global_draws(tree, forked=False):
    """Calls that draw from, or seed, a generator that is not the caller's own."""
    for node in ast.iter_child_nodes(tree):
        inside = forked or (isinstance(node, ast.With) and FORK in map(_called, _entered(node)))
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [getattr(node, "module", None), *(alias.name for alias in node.names)]
            if "random" in modules[:1] or (isinstance(node, ast.Import) and "random" in modules):
                yield f"line {node.lineno}: the module random"
        elif isinstance(node, ast.Call) and _is_global(node, inside):
            yield f"line {node.lineno}: {_called(node)}"
        yield from global_draws(node, inside)


def _is_global(call, forked):
    path, own = _called(call), any(word.arg == "generator" for word in call.keywords)
    module, _, function = path.rpartition(".")
    if path in TORCH_SEEDS:
        return not forked
    if module == "torch":
        return function in TORCH_DRAWS and not own
    if module in ("np.random", "numpy.random"):
        unseeded = function in ("default_rng", "RandomState") and not call.args
        return function not in NUMPY_EXPLICIT or unseeded
    return module != "nn.init" and function in TENSOR_DRAWS and not own


def _called(call):
    """Dotted name of what is called: np.random.rand; of anything else its attribute alone."""
    parts, node = [], call.func if isinstance(call, ast.Call) else call
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "")
    return ".".join(reversed(parts))


def _entered(node):
    return [item.context_expr for item in node.items]


@pytest.mark.parametrize(
    ("code", "caught"),
    [
        ("torch.randn(3)", True),
        ("torch.randn(3, generator=draw)", False),
        ("x.normal_()", True),
        ("torch.empty(3).uniform_(0, 1)", True),
        ("nn.init.normal_(w)", False),
        ("torch.manual_seed(0)", True),
        ("with torch.random.fork_rng():\n    torch.manual_seed(0)", False),
        ("torch.Generator().manual_seed(0)", False),
        ("np.random.rand(3)", True),
        ("np.random.seed(0)", True),
        ("np.random.default_rng()", True),
        ("np.random.default_rng(0).random(3)", False),
        ("import random", True),
        ("from random import choice", True),
        ("from kinecast.core import rng", False),
    ],
)
def test_what_counts_as_a_global_draw(code, caught):
    assert bool(list(global_draws(ast.parse(code)))) == caught


@pytest.mark.parametrize(
    ("code", "caught"),
    [
        ("device = 'cuda'", True),
        ("device = 'cuda:1'", True),
        ("x.cuda()", True),
        ("torch.cuda.empty_cache()", True),
        ("def f():\n    'device: auto, cuda or cpu.'", False),
    ],
)
def test_what_counts_as_a_device_literal(code, caught):
    assert bool(list(device_literals(ast.parse(code)))) == caught
