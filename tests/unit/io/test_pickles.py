import contextlib
import io
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kinecast.core.errors import UserError
from kinecast.io.pickles import load_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
VALUES = {
    "big-endian": np.arange(6, dtype=">f4").reshape(2, 3),
    "double": np.linspace(0, 1, 6).reshape(3, 1, 2),
    "fortran": np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3)),
    "moved": np.arange(24, dtype=np.int16).reshape(2, 3, 4).transpose(1, 0, 2),
    "flags": np.array([True, False]),
    "jpegs": np.array([b"\xff\xd8one", b"\xff\xd8three"]),
    "objects": np.array([b"a", "b", None, 1.5], object),
    "texts": np.array(["é", "b"]),
    "empty": np.empty((0, 3), np.float32),
    "scalar": np.float64(2.5),
    "dtype": np.dtype("<U7"),
    "plain": [
        1,
        -(10**30),
        2.5,
        1j,
        "é\n",
        b"\x00\xff",
        bytearray(b"xy"),
        None,
        True,
        (),
        (1, [2]),
    ],
    "sets": ({1, 2}, frozenset({"a"}), set()),
    ("a", 1): {2: {}},
}


def same(a, b):
    if isinstance(a, np.ndarray):
        return type(b) is np.ndarray and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def load(data, tmp_path):
    path = tmp_path / "data.pkl"
    path.write_bytes(data)
    return load_pickle(path)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_and_builtins_come_back(protocol, tmp_path):
    assert same(VALUES, load(pickle.dumps(VALUES, protocol), tmp_path))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_modules_of_numpy_1_are_known_too(protocol, tmp_path):
    array = np.arange(4, dtype=np.float32)
    text = pickle.dumps({"a": array, "s": array[1]}, protocol)
    for name in (b"multiarray", b"numeric"):
        old, new = b"numpy.core." + name, b"numpy._core." + name
        short = (b"\x8c" + bytes([len(new)]) + new, b"\x8c" + bytes([len(old)]) + old)
        text = text.replace(*short).replace(b"c" + new, b"c" + old)
    if protocol >= 4:  # the frame is a byte or two shorter now, which the reader need not know
        assert b"_core" not in text
    assert same({"a": array, "s": array[1]}, load(text, tmp_path))


def test_a_shared_array_stays_one_array(tmp_path):
    array = np.ones(3)
    first, second = load(pickle.dumps([array, array], 2), tmp_path)
    assert first is second


def test_a_list_that_holds_itself_is_a_list_that_holds_itself(tmp_path):
    value = [1]
    value.append(value)
    loaded = load(pickle.dumps(value), tmp_path)
    assert loaded[1] is loaded


def test_large_arrays_are_views_of_the_file(tmp_path):
    array = np.arange(1 << 20, dtype=np.uint8)
    loaded = load(pickle.dumps(array, 4), tmp_path)
    assert np.array_equal(loaded, array)
    assert not loaded.flags.owndata
    assert not loaded.flags.writeable


def test_python_2_wrote_texts_as_bytes(tmp_path):
    # {'x': array([1, 2], '<i2')} by Python 2, protocol 2
    text = (
        b"\x80\x02}U\x01xcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b"
        b"\x87R(K\x01K\x02\x85cnumpy\ndtype\nU\x02i2K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff"
        b"\xffJ\xff\xff\xff\xffK\x00tb\x89U\x04\x01\x00\x02\x00tbs."
    )
    assert same({"x": np.array([1, 2], "<i2")}, load(text, tmp_path))


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


class WithState:
    """Pickles as an object with a state."""


HOSTILE = {
    "posix.system": Calls(os.system, "touch harmed"),
    "builtins.eval": Calls(eval, "1"),
    "builtins.exec": Calls(exec, "1"),
    "builtins.getattr": Calls(getattr, "a", "upper"),
    "builtins.__import__": Calls(__import__, "os"),
    "subprocess.Popen": Calls(subprocess.Popen, ["true"]),
    "functools.partial": Calls(__import__("functools").partial, print),
    "numpy.load": Calls(np.load, "x"),
    "numpy.memmap": Calls(np.memmap, "x"),
    "numpy.fromfile": Calls(np.fromfile, "x"),
    "WithState": WithState(),
    "collections.OrderedDict": __import__("collections").OrderedDict(a=1),
    "structured": np.zeros(2, [("a", "f4")]),
    "datetime64": np.zeros(2, "M8[s]"),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("nest", ["bare", "list", "object array", "key"])
def test_anything_else_is_refused_and_not_run(name, protocol, nest, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    value = HOSTILE[name]
    if nest == "list":
        value = {"a": [1, (value,)]}
    elif nest == "object array":
        value = np.array([None, value, None], object)
        value[1] = HOSTILE[name]
    elif nest == "key":
        value = [{"video": np.zeros(3)}, {"x": HOSTILE[name]}]
    try:
        data = pickle.dumps(value, protocol)
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        pytest.skip(f"Python cannot write it: {error}")
    with pytest.raises(UserError, match=r"expected a pickle of NumPy arrays .* was not run") as got:
        load(data, tmp_path)
    needle = name.partition(".")[2] or name
    assert any(
        word in str(got.value) for word in (needle, "_reconstructor", "OrderedDict", "dtype")
    )
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize(
    "code",
    [
        b"cos\nsystem\n(S'touch harmed'\ntR.",
        b"(S'touch harmed'\nios\nsystem\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0ctouch harmed\x85R.",
        b"\x80\x02cos\nsystem\n\x85\x81.",
        b"\x80\x02(cos\nsystem\no.",
        b"\x80\x02\x82\x01.",  # an extension by number
        b"Pid\n.",  # a persistent id
        b"\x80\x05\x97.",  # a buffer that is elsewhere
        b"\x80\x02cnumpy\ndtype\nU\x02V8K\x00K\x01\x87R.",
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nmatrix\nK\x00\x85U\x01b\x87R.",
        b"c__builtin__\nset\n(I1\ntb.",
        b"\x80\x04}b.",
    ],
)
def test_other_ways_to_call_are_refused(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError):
        load(code, tmp_path)
    assert not (tmp_path / "harmed").exists()


def reconstruct(shape, dtype, raw):
    """An array as NumPy writes it, of any shape, dtype and bytes."""
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream, 4)
    pickler.dump(np.zeros(4, np.uint8))
    text = stream.getvalue()
    assert text.count(b"K\x04\x85") == 1
    text = text.replace(b"K\x04\x85", shape).replace(b"\x8c\x02u1", b"\x8c\x02" + dtype)
    return text.replace(b"C\x04\x00\x00\x00\x00", raw)


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\x8e" + (1 << 60).to_bytes(8, "little") + b"x.",  # bytes that are not there
        b"\x80\x04\x96" + (1 << 40).to_bytes(8, "little") + b".",
        b"\x80\x04B\xff\xff\xff\x7f.",
        b"\x80\x04X\xff\xff\xff\x7f.",
        b"\x80\x04\x95" + (1 << 62).to_bytes(8, "little") + b"K",  # a frame
        b"c__builtin__\nbytearray\n(I1000000000000\ntR.",
        b"c__builtin__\nbytes\n(I1000000000000\ntR.",
        reconstruct(b"\x8a\x06\x00\x00\x00\x00\x00\x10\x85", b"u1", b"C\x04\x00\x00\x00\x00"),
        reconstruct(b"K\x04\x85", b"O8", b"C\x04\x00\x00\x00\x00"),  # bytes as pointers
        reconstruct(b"K\x05\x85", b"u1", b"C\x04\x00\x00\x00\x00"),
        reconstruct(b"J\xff\xff\xff\xff\x85", b"u1", b"C\x04\x00\x00\x00\x00"),
    ],
)
def test_a_tiny_pickle_makes_nothing_huge(data, tmp_path):
    with pytest.raises(UserError):
        load(data, tmp_path)


def test_a_memo_at_a_huge_place_takes_no_room(tmp_path):
    assert load(b"\x80\x02Nr\xff\xff\xff\x7f.", tmp_path) is None


def test_texts_cannot_be_encoded_again_and_again(tmp_path):
    text = b"X\x00\x10\x00\x00" + b"a" * 4096 + b"q\x01"
    again = b"c_codecs\nencode\nh\x01X\x06\x00\x00\x00latin1\x86R"
    with pytest.raises(UserError, match="grow to more than its own length"):
        load(b"\x80\x02(" + text + again * 40 + b"l.", tmp_path)


def test_deep_nesting_is_no_danger(tmp_path):
    depth = 80_000
    loaded = load(b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b".", tmp_path)
    assert isinstance(loaded, list)
    with pytest.raises(UserError, match="a tuple as a key"):
        load(b"\x80\x02})" + b"\x85" * depth + b"Ns.", tmp_path)


@pytest.mark.parametrize(
    "data", [b"", b"not a pickle", b".", b"K\x01", b"K\x01K\x02.", b"\x80\x09N."]
)
def test_what_is_no_pickle_is_named(data, tmp_path):
    with pytest.raises(UserError, match=r"data\.pkl"):
        load(data, tmp_path)


def test_a_truncated_pickle_is_refused(tmp_path):
    whole = pickle.dumps(VALUES, 4)
    for cut in (1, 10, len(whole) // 2, len(whole) - 1):
        with pytest.raises(UserError):
            load(whole[:cut], tmp_path)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | hnp.arrays(
        st.sampled_from([np.uint8, np.float32, np.dtype(">f8"), np.bool_, np.dtype("S3")]),
        hnp.array_shapes(max_dims=3, max_side=4, min_side=0),
        elements=None,
        fill=st.nothing(),
    ).filter(lambda array: array.dtype.kind != "f" or np.isfinite(array).all()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=12,
)


@given(value=PLAIN, protocol=st.sampled_from(PROTOCOLS))
def test_any_plain_value_comes_back(value, protocol, tmp_path_factory):
    assert same(value, load(pickle.dumps(value, protocol), tmp_path_factory.getbasetemp()))


@given(
    at=st.integers(0, 2000),
    new=st.binary(min_size=1, max_size=4),
    protocol=st.sampled_from([0, 2, 4]),
)
def test_damage_gives_a_value_or_an_error_of_ours(at, new, protocol, tmp_path_factory):
    data = bytearray(pickle.dumps(VALUES, protocol))
    at %= len(data)
    data[at : at + len(new)] = new
    with contextlib.suppress(UserError):
        load(bytes(data), tmp_path_factory.getbasetemp())


@given(data=st.lists(st.binary(min_size=1, max_size=1), max_size=30).map(b"".join))
def test_random_opcodes_run_nothing(data, tmp_path_factory):
    modules = set(sys.modules)
    with contextlib.suppress(UserError):
        load(data + b".", tmp_path_factory.getbasetemp())
    assert set(sys.modules) == modules
