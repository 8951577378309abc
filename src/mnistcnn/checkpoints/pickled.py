"""Reads the arrays and plain types in a pickle of `torch.save` without calling anything that the pickle names.

A pickle is a program for a small stack machine. This machine knows only the instructions that `torch.save` writes for
tensors, plain types, lists, tuples and dicts. It always ends: there are no loops, keys are quick to compare, and the
result is limited in size as it is traversed, because lists that hold the same list twice grow exponentially.
Source: the comments in Python's `pickletools`.
"""

import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_BYTES = 4 << 20  # the limit of a pickle; 16,000 epochs of history fit
MOST_VALUES = 1 << 20  # the limit of values in the result, each counted as often as it is reached
MOST_CHARACTERS = 4 << 20  # the limit of characters in the result, counted likewise
MOST_DEPTH = 32
_MOST_DIMENSIONS = 8

_DTYPES = {
    "torch.BoolStorage": np.bool_,
    "torch.ByteStorage": np.uint8,
    "torch.CharStorage": np.int8,
    "torch.ShortStorage": np.int16,
    "torch.IntStorage": np.int32,
    "torch.LongStorage": np.int64,
    "torch.HalfStorage": np.float16,
    "torch.BFloat16Storage": np.uint16,  # NumPy has no bfloat16; the values are widened to float32
    "torch.FloatStorage": np.float32,
    "torch.DoubleStorage": np.float64,
}
_TENSOR = "torch._utils._rebuild_tensor_v2"
_PARAMETER = "torch._utils._rebuild_parameter"
_DICT = "collections.OrderedDict"
_KNOWN = {*_DTYPES, _TENSOR, _PARAMETER, _DICT}
_KINDS = {  # kinds of tensors that can't be read, by a part of the function's name that rebuilds them
    "sparse": "a sparse tensor",
    "nested": "a nested tensor",
    "meta": "a tensor without values",
    "qtensor": "a quantized tensor",
}


class UnknownNameError(ValueError):
    """A pickle names an object that is neither a tensor nor a plain type."""


@dataclass(frozen=True, slots=True)
class _Name:
    """A name that the pickle may use."""

    name: str


@dataclass(frozen=True, slots=True)
class _Storage:
    """The values that tensors share, in one dimension."""

    values: NDArray[Any]


def read_pickle(program: bytes, storages: Mapping[str, memoryview]) -> object:
    """Read a pickle, with its tensors as read-only arrays; `storages` are the bytes of the tensors' storages by key.

    Arrays have the dtypes of the tensors, but bfloat16 becomes float32. Raises `UnknownNameError` if the pickle names
    anything else, and `ValueError` if it is damaged, too large, or contains itself.
    """
    if len(program) > MOST_BYTES:
        raise ValueError("its pickle is too large")
    try:
        value = _Machine(program, storages).run()
    except (IndexError, KeyError, TypeError, AttributeError, OverflowError, struct.error, UnicodeDecodeError) as error:
        raise ValueError("its pickle is invalid") from error
    _check_size(value)
    return value


class _Machine:
    """The stack machine that executes a pickle."""

    def __init__(self, program: bytes, storages: Mapping[str, memoryview]) -> None:
        self._program = program
        self._position = 0
        self._storages = storages
        self._arrays: dict[tuple[str, str], NDArray[Any]] = {}
        self._stack: list[Any] = []
        self._stacks: list[list[Any]] = []  # the stacks below each mark
        self._memo: dict[int, Any] = {}

    def run(self) -> object:  # noqa: PLR0915 - each case is one instruction
        """Execute the program and return its result."""
        while True:
            code = self._take(1)
            match code:
                case pickle.BINPUT:
                    self._memo[self._take(1)[0]] = self._stack[-1]
                case pickle.LONG_BINPUT:
                    self._memo[self._integer("<L")] = self._stack[-1]
                case pickle.BINGET:
                    self._stack.append(self._memo[self._take(1)[0]])
                case pickle.LONG_BINGET:
                    self._stack.append(self._memo[self._integer("<L")])
                case pickle.BINUNICODE:
                    self._stack.append(self._take(self._integer("<L")).decode("utf-8", "surrogatepass"))
                case pickle.BINFLOAT:
                    self._stack.append(struct.unpack(">d", self._take(8))[0])
                case pickle.BININT:
                    self._stack.append(self._integer("<l"))
                case pickle.BININT1:
                    self._stack.append(self._take(1)[0])
                case pickle.BININT2:
                    self._stack.append(self._integer("<H"))
                case pickle.LONG1:
                    self._stack.append(self._long())
                case pickle.NONE:
                    self._stack.append(None)
                case pickle.NEWTRUE:
                    self._stack.append(True)
                case pickle.NEWFALSE:
                    self._stack.append(False)
                case pickle.MARK:
                    self._stacks.append(self._stack)
                    self._stack = []
                case pickle.EMPTY_TUPLE:
                    self._stack.append(())
                case pickle.TUPLE1:
                    self._tuple(1)
                case pickle.TUPLE2:
                    self._tuple(2)
                case pickle.TUPLE3:
                    self._tuple(3)
                case pickle.TUPLE:
                    items = self._since_mark()
                    self._stack.append(tuple(items))
                case pickle.EMPTY_LIST:
                    self._stack.append([])
                case pickle.APPEND:
                    item = self._stack.pop()
                    self._extend([item])
                case pickle.APPENDS:
                    self._extend(self._since_mark())
                case pickle.EMPTY_DICT:
                    self._stack.append({})
                case pickle.SETITEM:
                    value = self._stack.pop()
                    key = self._stack.pop()
                    self._update([key, value])
                case pickle.SETITEMS:
                    self._update(self._since_mark())
                case pickle.GLOBAL:
                    self._stack.append(self._name())
                case pickle.BINPERSID:
                    self._stack.append(self._storage(self._stack.pop()))
                case pickle.REDUCE:
                    arguments = self._stack.pop()
                    self._stack.append(self._build(self._stack.pop(), arguments))
                case pickle.BUILD:
                    self._stack.pop()  # drop the attributes of an OrderedDict, such as a state_dict's versions
                    if type(self._stack[-1]) is not dict:
                        raise ValueError("its pickle is invalid")
                case pickle.PROTO:
                    if self._take(1)[0] != 2 or self._position != 2:
                        raise ValueError("its pickle has another version")
                case pickle.STOP:
                    value = self._stack.pop()
                    if self._stack or self._stacks or self._position != len(self._program):
                        raise ValueError("its pickle is invalid")
                    return value
                case _:
                    raise UnknownNameError(f"the pickle instruction {code!r}")

    def _take(self, count: int) -> bytes:
        taken = self._program[self._position : self._position + count]
        if len(taken) != count:
            raise ValueError("its pickle is cut off")
        self._position += count
        return taken

    def _integer(self, layout: str) -> int:
        return int(struct.unpack(layout, self._take(struct.calcsize(layout)))[0])

    def _long(self) -> int:
        value = int.from_bytes(self._take(self._take(1)[0]), "little", signed=True)
        if not -(2**63) <= value < 2**63:
            raise ValueError("it holds a number of more than 64 bits")
        return value

    def _since_mark(self) -> list[Any]:
        items = self._stack
        self._stack = self._stacks.pop()
        return items

    def _tuple(self, count: int) -> None:
        if len(self._stack) < count:
            raise ValueError("its pickle is invalid")
        items = tuple(self._stack[-count:])
        del self._stack[-count:]
        self._stack.append(items)

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not list:
            raise ValueError("its pickle is invalid")
        target.extend(items)

    def _update(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise ValueError("its pickle is invalid")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) not in (str, int):  # comparing other keys, such as nested tuples, may take forever
                raise ValueError(f"it has a key that is a {type(key).__name__}")
            target[key] = value

    def _name(self) -> _Name:
        parts = []
        for _ in range(2):
            end = self._program.find(b"\n", self._position)
            parts.append(self._take(end - self._position).decode("ascii", "replace"))
            self._position += 1
        name = ".".join(parts)
        if name not in _KNOWN:
            kinds = [kind for part, kind in _KINDS.items() if name.startswith("torch._utils.") and part in name]
            raise UnknownNameError(kinds[0] if kinds else name[:80])
        return _Name(name)

    def _storage(self, identifier: object) -> _Storage:
        match identifier:
            case ("storage", _Name(name), str(key), str(), int(count)) if name in _DTYPES:
                pass
            case _:
                raise ValueError("its pickle is invalid")
        if (name, key) not in self._arrays:
            content = self._storages.get(key)
            dtype = np.dtype(_DTYPES[name])
            if content is None or content.nbytes != count * dtype.itemsize:
                raise ValueError("a tensor's values are missing or cut off")
            values = np.frombuffer(content, dtype)
            if name == "torch.BFloat16Storage":
                wide = values.astype(np.uint32)
                wide <<= 16
                values = wide.view(np.float32)
                values.flags.writeable = False
            self._arrays[name, key] = values
        return _Storage(self._arrays[name, key])

    def _build(self, maker: object, arguments: object) -> object:
        match maker, arguments:
            case _Name(name), () if name == _DICT:
                return {}
            case _Name(name), (np.ndarray() as array, _, _) if name == _PARAMETER:
                return array
            case _Name(name), (_Storage(values), offset, shape, strides, *_) if name == _TENSOR:
                return _view(values, offset, shape, strides)
        raise ValueError("its pickle is invalid")


def _view(values: NDArray[Any], offset: Any, shape: Any, strides: Any) -> NDArray[Any]:
    """Make a tensor's view of its storage; `offset`, `shape` and `strides` count values, not bytes."""
    if type(shape) is not tuple or type(strides) is not tuple or not len(shape) == len(strides) <= _MOST_DIMENSIONS:
        raise ValueError("a tensor's shape is invalid")
    if not all(type(number) is int and 0 <= number < 2**31 for number in (offset, *shape, *strides)):
        raise ValueError("a tensor's shape is invalid")
    count = 1
    last = offset
    for side, stride in zip(shape, strides, strict=True):
        count *= side
        last += (side - 1) * stride
    if count > values.size or (count and last >= values.size):
        raise ValueError("a tensor has more values than there are")
    size = values.itemsize
    return np.ndarray(shape, values.dtype, values, offset * size, tuple(size * stride for stride in strides))


def _check_size(root: Any) -> None:
    """Raise `ValueError` if `root` is nested too deeply or has too many values, counted as often as reached."""
    waiting = [(root, 0)]
    values = 1
    characters = 0
    while waiting:
        value, depth = waiting.pop()
        children: list[Any] = []
        if type(value) in (list, tuple):
            children = list(value)
        elif type(value) is dict:
            children = [*value, *value.values()]
        elif type(value) is str:
            characters += len(value)
        elif not isinstance(value, np.ndarray) and type(value) not in (int, float, bool, type(None)):
            raise ValueError("its pickle is invalid")
        values += len(children)
        if values > MOST_VALUES or characters > MOST_CHARACTERS or depth > MOST_DEPTH:
            raise ValueError("its content is too large, or nested too deeply")
        waiting += [(child, depth + 1) for child in children]
