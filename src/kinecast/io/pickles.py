"""Pickles of arrays, read without running anything of them.

A pickle is a program: Python's own reader calls whatever it names, and even NumPy's parts of it
take a state that can point an array at any memory. This reader interprets the opcodes itself, of
all protocols (0 to 5). It builds None, numbers, texts, bytes, lists, tuples, sets, dicts, and NumPy
arrays, dtypes and scalars of plain numbers, texts and objects of these kinds, and calls nothing
else: every other name is refused. Lengths are checked against the file before anything of that
length is made.

Source: the opcodes as Python's `pickletools` documents them.
"""

import codecs
import mmap
import pickletools
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.core.errors import UserError
from kinecast.io.pickled_numpy import (
    NUMPY_NAMES,
    array_of_buffer,
    array_of_state,
    dtype_of,
    expect,
    refusal,
    scalar_of,
)

_MAPPED = 1 << 16  # bytes of this length and more stay in the file, which is mapped into memory

_DAMAGED = (  # what the parts of the reader raise for a pickle that is not one, or is cut off
    ValueError, TypeError, LookupError, OverflowError, MemoryError, struct.error, AttributeError,
)  # fmt: skip

_VALUES = {"N": None, "\x88": True, "\x89": False}
_EMPTY = {"]": list, "}": dict, ")": tuple, "\x8f": set}
_READ = {  # opcodes whose argument is the value
    op.code: op.arg.reader
    for op in pickletools.opcodes
    if op.arg is not None
    and op.name
    in (
        "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
        "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
    )
}  # fmt: skip
_BYTES = {"U": "B", "T": "<I", "C": "B", "B": "<I", "\x8e": "<Q", "\x96": "<Q"}  # and their length
_PYTHON_2 = "UT"  # of these, text or bytes of Python 2
_PUT = {"p": pickletools.read_decimalnl_short, "q": pickletools.read_uint1,
        "r": pickletools.read_uint4}  # fmt: skip
_GET = {"g": pickletools.read_decimalnl_short, "h": pickletools.read_uint1,
        "j": pickletools.read_uint4}  # fmt: skip

_NAMES = {
    **NUMPY_NAMES,
    "_codecs.encode": "encode",
    **{
        f"{module}.{name}": name
        for module in ("builtins", "__builtin__")
        for name in ("set", "frozenset", "complex", "bytearray", "bytes")
    },
}


def load_pickle(path: str | Path) -> Any:
    """The value of a pickle of NumPy arrays and built-in values.

    The file is mapped into memory: arrays are read-only views of it, so that a file may be larger
    than memory. Bytes of 64 KiB and more come as read-only `memoryview`s of it, shorter ones as
    `bytes`. Texts of Python 2 are read as Latin-1.

    Raises:
        UserError: no such file, not a pickle, damaged, or it holds anything else: a function, a
            class, an object; the message names it.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no such file: {path}; check the path")
    if path.stat().st_size == 0:
        raise UserError(f"expected a pickle, got an empty file (0 bytes): {path}")
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        return _Reader(data).value()
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except _DAMAGED as error:
        raise UserError(
            f"expected a pickle of arrays, got {path}: not one, truncated or damaged ({error})"
        ) from error


class _Unbuilt:
    """An array or a dtype between the opcode that makes it and the one that fills it."""

    def __init__(self, fill: Callable[[Any], Any]) -> None:
        self.fill = fill
        self.memo: list[int] = []  # places that shall hold it once it is filled


class _Name:
    """A name that a pickle may call."""

    def __init__(self, called: str) -> None:
        self.called = called


class _Reader:
    """The machine that a pickle is a program for: a stack, marks and a memo."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data: Any = data  # a map is read like a file, which its type does not say
        self._view = memoryview(data)
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._unbuilt = 0
        self._copies = len(data)  # bytes that may be copied out of texts: no more than there are

    def value(self) -> Any:
        """Runs to the end; the one value that is left."""
        while True:
            code = self._data.read(1).decode("latin-1")
            if code == ".":
                break
            if not code:
                raise ValueError("it ends before its last opcode")
            self._step(code)
        if len(self._stack) != 1 or self._marks or self._unbuilt:
            raise ValueError("it does not end in one finished value")
        if isinstance(self._stack[0], _Name):
            raise ValueError("it ends in a name")
        return self._stack[0]

    def _step(self, code: str) -> None:
        stack = self._stack
        if code in _VALUES:
            stack.append(_VALUES[code])
        elif code in _READ:
            stack.append(_READ[code](self._data))
        elif code in _BYTES:
            stack.append(self._bytes(code))
        elif code in _EMPTY:
            stack.append(_EMPTY[code]())
        elif code in _PUT:
            self._put(_PUT[code](self._data))
        elif code == "\x94":
            self._put(len(self._memo))
        elif code in _GET:
            stack.append(_built(self._memo[_GET[code](self._data)]))
        elif code == "S":  # text or bytes of Python 2, quoted
            stack.append(_text(codecs.escape_decode(self._data.readline().strip()[1:-1])[0]))
        elif code == "(":
            self._marks.append(self._stack)
            self._stack = []
        elif code == "0":
            stack.pop()
        elif code == "1":
            self._to_mark()
        elif code == "2":
            stack.append(_built(stack[-1]))
        elif code in "t\x85\x86\x87":
            self._tuple(code)
        elif code in "le\x91\x90duas":
            self._container(code)
        elif code in "c\x93":
            self._name(code)
        elif code == "R":
            arguments, name = stack.pop(), stack.pop()
            stack.append(self._call(name, arguments))
        elif code == "b":
            self._build()
        elif code == "\x80":
            if self._data.read(1)[0] > 5:
                raise ValueError("a protocol above 5")
        elif code == "\x95":
            pickletools.read_uint8(self._data)
        else:
            self._refuse(code)

    def _bytes(self, code: str) -> Any:
        """Bytes in place; nothing is made of their length before it is known to be there."""
        form = _BYTES[code]
        (length,) = struct.unpack(form, self._data.read(struct.calcsize(form)))
        start = self._data.tell()
        if length > len(self._data) - start:
            raise ValueError(f"{length} bytes where {len(self._data) - start} are left")
        self._data.seek(start + length)
        view = self._view[start : start + length]
        if length >= _MAPPED:
            return view
        raw = bytearray(view) if code == "\x96" else bytes(view)
        return _text(raw) if code in _PYTHON_2 else raw

    def _put(self, place: int) -> None:
        top = self._stack[-1]
        self._memo[place] = top
        if isinstance(top, _Unbuilt):
            top.memo.append(place)

    def _to_mark(self) -> list[Any]:
        values, self._stack = self._stack, self._marks.pop()
        return values

    def _tuple(self, code: str) -> None:
        if code == "t":
            values = self._to_mark()
        else:
            count = "\x85\x86\x87".index(code) + 1
            values = self._stack[-count:]
            if len(values) < count:
                raise ValueError("a tuple of more values than there are")
            del self._stack[-count:]
        self._stack.append(tuple(values))

    def _container(self, code: str) -> None:
        if code in "as":
            count = 1 if code == "a" else 2
            values = self._stack[-count:]
            del self._stack[-count:]
        else:
            values = self._to_mark()
        if code == "l":
            self._stack.append(values)
        elif code == "\x91":
            self._stack.append(frozenset(map(_key, values)))
        elif code == "d":
            self._stack.append(_pairs(values))
        elif code in "ea":
            expect(self._stack[-1], list).extend(values)
        elif code == "\x90":
            expect(self._stack[-1], set).update(map(_key, values))
        else:
            expect(self._stack[-1], dict).update(_pairs(values))

    def _name(self, code: str) -> None:
        if code == "c":
            module, name = (self._data.readline()[:-1].decode("utf-8") for _ in range(2))
        else:
            name, module = expect(self._stack.pop(), str), expect(self._stack.pop(), str)
        called = _NAMES.get(f"{module}.{name}")
        if called is None:
            raise UserError(refusal(f"{module}.{name}"))
        self._stack.append(_Name(called))

    def _call(self, name: Any, arguments: Any) -> Any:
        called = expect(name, _Name).called
        arguments = expect(arguments, tuple)
        if called == "dtype":
            spec = expect(arguments[0], str)
            return self._pending(lambda state: dtype_of(spec, state))
        if called == "array":
            if not isinstance(arguments[0], _Name) or arguments[0].called != "ndarray":
                raise UserError(refusal("a subclass of numpy.ndarray"))
            return self._pending(array_of_state)
        if called == "buffer":
            return array_of_buffer(arguments)
        if called == "scalar":
            return scalar_of(arguments)
        if called in ("set", "frozenset"):
            values = map(_key, expect(arguments[0] if arguments else [], list))
            return set(values) if called == "set" else frozenset(values)
        if called == "complex":
            return complex(*(expect(part, float) for part in arguments))
        if called in ("encode", "bytearray", "bytes"):
            raw = self._encoded(arguments)
            return bytearray(raw) if called == "bytearray" else raw
        raise ValueError(f"numpy.{called} is called")

    def _encoded(self, arguments: tuple[Any, ...]) -> bytes:
        """Bytes as protocols 0 to 2 write them: a text and its encoding, Latin-1."""
        value = arguments[0] if arguments else b""
        if isinstance(value, str):
            if arguments[1] not in ("latin1", "latin-1"):
                raise ValueError("bytes in another encoding than Latin-1")
            value = value.encode("latin-1")
        elif not isinstance(value, bytes | memoryview):
            raise ValueError("bytes of something else than a text")
        self._copies -= len(value)
        if self._copies < 0:
            raise ValueError("it would grow to more than its own length")
        return bytes(value)

    def _pending(self, fill: Callable[[Any], Any]) -> _Unbuilt:
        self._unbuilt += 1
        return _Unbuilt(fill)

    def _build(self) -> None:
        state = self._stack.pop()
        unbuilt = self._stack.pop()
        if not isinstance(unbuilt, _Unbuilt):
            raise UserError(refusal(f"a state for a {type(unbuilt).__name__}"))
        self._unbuilt -= 1
        value = unbuilt.fill(expect(state, tuple))
        for place in unbuilt.memo:
            if self._memo[place] is unbuilt:
                self._memo[place] = value
        self._stack.append(value)

    def _refuse(self, code: str) -> None:
        if code == "i":
            module, name = (self._data.readline()[:-1].decode("utf-8") for _ in range(2))
            raise UserError(refusal(f"{module}.{name}"))
        known = {op.code: op.name for op in pickletools.opcodes}
        if code not in known:
            raise ValueError(f"no opcode is {code!r}")
        raise UserError(refusal(f"the opcode {known[code]}"))


def _text(raw: bytes | bytearray | memoryview) -> str | memoryview:
    """What a str of Python 2 is: a text, unless it is as long as the data of an array."""
    return raw if isinstance(raw, memoryview) else raw.decode("latin-1")


def _built(value: Any) -> Any:
    if isinstance(value, _Unbuilt):
        raise ValueError("an array that holds itself")
    return value


def _key(value: Any) -> Any:
    """A key of a dict or set; nested tuples are refused, as their hash would recurse."""
    for part in value if isinstance(value, tuple) else (value,):
        if not isinstance(part, str | bytes | int | float | complex | np.generic | None):
            raise ValueError(f"a {type(part).__name__} as a key")
    return value


def _pairs(values: list[Any]) -> dict[Any, Any]:
    return dict(zip(map(_key, values[::2]), values[1::2], strict=True))
