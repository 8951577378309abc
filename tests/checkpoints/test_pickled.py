import collections
import io
import pickle
import struct
import zipfile
from typing import Any

import numpy as np
import pytest
import torch

from mnistcnn.checkpoints import pickled
from mnistcnn.checkpoints.pickled import UnknownNameError, read_pickle


def saved(content: object, **options: Any) -> tuple[bytes, dict[str, memoryview]]:
    """The pickle and the storages that `torch.save` makes of `content`."""
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    with zipfile.ZipFile(buffer) as archive:
        files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    storages = {name.removeprefix("data/"): memoryview(x) for name, x in files.items() if name.startswith("data/")}
    return files["data.pkl"], storages


def loaded(content: object) -> Any:
    return read_pickle(*saved(content))


def test_plain_types_come_back() -> None:
    content = {
        "numbers": [0, 255, 256, 65_536, -1, 2**31, -(2**63), 2**63 - 1, 0.5, float("inf")],
        "others": [None, True, False, "é\n", "\udcff", "", "x" * 1_000],
        "nested": {"a": (), "b": (1,), "c": (1, 2), "d": (1, 2, 3), "e": (1, 2, 3, 4), 7: [[], {}, [[1]]]},
    }
    assert loaded(content) == content


@pytest.mark.parametrize(
    "dtype",
    [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.float32,
     torch.float64, torch.bfloat16],
)  # fmt: skip
def test_tensors_of_every_type_come_back(dtype: torch.dtype) -> None:
    tensor = (torch.randn(5, 4, generator=torch.Generator().manual_seed(0)) * 3).to(dtype)
    array = loaded({"a": tensor})["a"]
    expected = tensor.float() if dtype == torch.bfloat16 else tensor
    np.testing.assert_array_equal(array, expected.numpy())
    assert array.dtype == expected.numpy().dtype
    assert not array.flags.writeable


def test_views_parameters_and_shared_values_come_back() -> None:
    whole = torch.arange(60).reshape(3, 4, 5)
    content = collections.OrderedDict(
        whole=whole,
        part=whole[1:, ::2, 1:],
        turned=whole.permute(2, 0, 1),
        row=whole[2, 3],
        scalar=whole[1, 2, 3],
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(torch.ones(2)),
        last=torch.arange(10).to(torch.bfloat16)[3:],
    )
    for name, array in loaded(content).items():
        np.testing.assert_array_equal(array, content[name].detach().to(torch.float32).numpy())


def test_a_state_dict_with_its_versions_comes_back() -> None:
    state = torch.nn.BatchNorm1d(3).state_dict()
    assert hasattr(state, "_metadata")
    assert list(loaded(state)) == list(state)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pickle.loads, ("x",)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (Evil(), "loads"),
        (torch.zeros(3).to_sparse(), "a sparse tensor"),
        (torch.zeros(3, device="meta"), "a tensor without values"),
        (torch.zeros(3, dtype=torch.complex64), "torch.ComplexFloatStorage"),
        (torch.float32, "torch.float32"),
        (torch.nn.Linear(1, 1), "torch.nn.modules.linear.Linear"),
        ({1, 2}, r"\.set"),
        (b"x", "_codecs.encode"),
        (np.float64(1), "numpy"),
    ],
)  # fmt: skip
def test_what_is_neither_a_plain_tensor_nor_a_plain_type_is_named(content: object, why: str) -> None:
    with pytest.raises(UnknownNameError, match=why):
        loaded({"a": content})


def test_quantized_tensors_are_named() -> None:
    with pytest.raises(UnknownNameError, match="a quantized tensor"):
        read_pickle(b"\x80\x02ctorch._utils\n_rebuild_qtensor\n.", {})


def test_other_versions_of_pickles_are_refused() -> None:
    with pytest.raises(ValueError, match="version"):
        read_pickle(*saved({"a": 1}, pickle_protocol=4))


def test_every_cut_is_refused() -> None:
    program, storages = saved({"a": [1, 2.5, "x", None], "b": torch.ones(3), "c": (1, 2)})
    for length in range(len(program)):
        with pytest.raises(ValueError):
            read_pickle(program[:length], storages)


@pytest.mark.parametrize(
    ("program", "why"),
    [
        (b"", "cut off"),
        (b"\x80\x02.", "invalid"),
        (b"\x80\x02N.N", "invalid"),
        (b"\x80\x02NN.", "invalid"),
        (b"\x80\x02(N.", "invalid"),
        (b"N\x80\x02.", "version"),
        (b"\x80\x02h\x05.", "invalid"),
        (b"\x80\x02NNs.", "invalid"),
        (b"\x80\x02}(Nu.", "invalid"),
        (b"\x80\x02](Nu.", "invalid"),
        (b"\x80\x02}Na.", "invalid"),
        (b"\x80\x02}NK\x01s.", "key that is a NoneType"),
        (b"\x80\x02}\x88K\x01s.", "key that is a bool"),
        (b"\x80\x02})K\x01s.", "key that is a tuple"),
        (b"\x80\x02}]K\x01s.", "key that is a list"),
        (b"\x80\x02NQ.", "invalid"),
        (b"\x80\x02N)R.", "invalid"),
        (b"\x80\x02ccollections\nOrderedDict\nN\x85R.", "invalid"),
        (b"\x80\x02ccollections\nOrderedDict\n.", "invalid"),
        (b"\x80\x02Nb.", "invalid"),
        (b"\x80\x02NNb.", "invalid"),
        (b"\x80\x02X\xff\xff\xff\xffx.", "cut off"),
        (b"\x80\x02X\x01\x00\x00\x00\xff.", "invalid"),
        (b"\x80\x02\x8a\xff" + b"\x7f" * 255 + b".", "64 bits"),
        (b"\x80\x02c" + b"x" * 300, "cut off"),
        (b"\x80\x02]q\x00h\x00a.", "nested too deeply"),
        (b"\x80\x02" + b"]" * 100 + b"a" * 99 + b".", "nested too deeply"),
    ],
)
def test_senseless_programs_are_refused(program: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_pickle(program, {})


def doubled(levels: int, *, tuples: bool) -> object:
    """A list, or tuple, of the same one twice, and so on."""
    web: Any = ()
    for _ in range(levels):
        web = (web, web) if tuples else [web, web]
    return web


def widened() -> object:
    """A list that holds the same list a thousand times, which holds the same list a thousand times, and so on."""
    web: Any = None
    for _ in range(4):
        web = [web] * 1_000
    return web


def endless() -> object:
    """A list and a dict that hold each other."""
    web: list[Any] = []
    web.append({"a": web, "b": web})
    return web


@pytest.mark.parametrize(
    "content",
    [doubled(30, tuples=False), doubled(30, tuples=True), doubled(60, tuples=True), widened(), endless()],
    ids=["lists", "tuples", "deep", "wide", "endless"],
)
def test_what_grows_when_it_is_looked_through_is_refused(content: object) -> None:
    program = pickle.dumps(content, protocol=2)
    assert len(program) < 10_000
    with pytest.raises(ValueError, match="too large, or nested too deeply"):
        read_pickle(program, {})


def test_a_key_that_is_a_nest_of_tuples_is_never_compared() -> None:
    """Its hash would take 2⁵⁰ steps, and no signal ends them."""
    program = pickle.dumps(doubled(50, tuples=True), protocol=2)
    with pytest.raises(ValueError, match="key that is a tuple"):
        read_pickle(b"\x80\x02}" + program[2:-1] + b"Ns.", {})


def tensor(name: bytes, key: bytes, count: int, offset: int, shape: list[int], strides: list[int]) -> bytes:
    """A program for one tensor."""

    def number(value: int) -> bytes:
        return b"\x8a\x08" + struct.pack("<q", value)

    def text(value: bytes) -> bytes:
        return b"X" + struct.pack("<L", len(value)) + value

    def numbers(values: list[int]) -> bytes:
        return b"(" + b"".join(map(number, values)) + b"t"

    identifier = b"(" + text(b"storage") + b"ctorch\n" + name + b"\n" + text(key) + text(b"cpu") + number(count) + b"tQ"
    arguments = b"(" + identifier + number(offset) + numbers(shape) + numbers(strides) + b"\x89Nt"
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R."


STORAGES = {"0": memoryview(bytes(40))}


def test_a_tensor_written_by_hand_is_read() -> None:
    array = read_pickle(tensor(b"FloatStorage", b"0", 10, 1, [3, 3], [3, 1]), STORAGES)
    assert isinstance(array, np.ndarray)
    assert (array.shape, array.dtype) == ((3, 3), np.float32)


@pytest.mark.parametrize(
    ("name", "key", "count", "offset", "shape", "strides"),
    [
        (b"FloatStorage", b"0", 11, 0, [10], [1]),
        (b"FloatStorage", b"0", -1, 0, [10], [1]),
        (b"DoubleStorage", b"0", 10, 0, [10], [1]),
        (b"FloatStorage", b"1", 10, 0, [10], [1]),
        (b"FloatStorage", b"0", 10, 0, [11], [1]),
        (b"FloatStorage", b"0", 10, 1, [10], [1]),
        (b"FloatStorage", b"0", 10, -1, [10], [1]),
        (b"FloatStorage", b"0", 10, 9, [2], [-1]),
        (b"FloatStorage", b"0", 10, 0, [2], [10]),
        (b"FloatStorage", b"0", 10, 0, [2], [2**62]),
        (b"FloatStorage", b"0", 10, 0, [3, 3], [2**61, 2**61]),
        (b"FloatStorage", b"0", 10, 0, [2**40], [0]),
        (b"FloatStorage", b"0", 10, 0, [2**20, 2**20], [0, 0]),
        (b"FloatStorage", b"0", 10, 0, [0, 2**40], [1, 1]),
        (b"FloatStorage", b"0", 10, 0, [-1], [1]),
        (b"FloatStorage", b"0", 10, 0, [2, 2], [1]),
        (b"FloatStorage", b"0", 10, 0, [1] * 70, [1] * 70),
        (b"FloatStorage", b"0", 10, 10, [], []),
    ],
)
def test_tensors_that_reach_beyond_their_values_are_refused(
    name: bytes, key: bytes, count: int, offset: int, shape: list[int], strides: list[int]
) -> None:
    with pytest.raises(ValueError, match="tensor"):
        read_pickle(tensor(name, key, count, offset, shape, strides), STORAGES)


def test_what_describes_too_much_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickled, "MOST_BYTES", 100)
    with pytest.raises(ValueError, match="too large"):
        loaded({"a": "x" * 100})


def test_names_are_short_in_messages() -> None:
    with pytest.raises(UnknownNameError) as caught:
        read_pickle(b"\x80\x02c" + b"x" * 1_000_000 + b"\ny\n.", {})
    assert len(str(caught.value)) < 200
