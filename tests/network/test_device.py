import warnings
from typing import Any

import pytest
import torch

from mnistcnn.config import Precision
from mnistcnn.errors import DeviceError, UsageError
from mnistcnn.network.device import (
    KINDS,
    Compute,
    _native_bfloat16,
    available_devices,
    cpu_threads,
    derive_seed,
    resolve_device,
    strict_float32,
)

CPU = torch.device("cpu")


def test_auto_takes_the_best_device_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[torch.device] = []
    monkeypatch.setattr("mnistcnn.network.device._try_out", tried.append)
    monkeypatch.setattr("mnistcnn.network.device._device_name", str)
    monkeypatch.setattr("mnistcnn.network.device._native_bfloat16", lambda device: False)
    for kind in KINDS:
        best = [f"{kind}:0" if kind in ("cuda", "xpu") else kind]
        monkeypatch.setattr("mnistcnn.network.device.available_devices", lambda best=best: [*best, "cpu"])
        assert resolve_device("auto").device.type == kind
    assert [device.type for device in tried] == list(KINDS)


def test_a_container_bounds_the_threads_that_nobody_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnistcnn.network.device.cpu_count", lambda: 2)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        with cpu_threads(0) as threads:
            assert threads == torch.get_num_threads() == 2
        with cpu_threads(4) as threads:
            assert threads == torch.get_num_threads() == 4
        assert torch.get_num_threads() == 3
        torch.set_num_threads(1)
        with cpu_threads(0) as threads:
            assert threads == 1
    finally:
        torch.set_num_threads(before)


def test_the_list_of_devices_ends_with_the_cpu() -> None:
    assert available_devices()[-1] == "cpu"


def test_several_gpus_are_listed_and_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr("mnistcnn.network.device._try_out", lambda device: None)
    monkeypatch.setattr("mnistcnn.network.device._device_name", str)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert available_devices()[:2] == ["cuda:0", "cuda:1"]
    assert str(resolve_device("cuda:1").device) == "cuda:1"
    assert resolve_device("cuda", Precision.AUTO).precision is Precision.BFLOAT16
    with pytest.raises(DeviceError, match=r"cuda:2 is not available here; available: cpu, cuda:1, cuda:0"):
        resolve_device("cuda:2")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(DeviceError, match=r"cuda is not available here; available: .*cpu"):
        resolve_device("cuda")


def test_a_torch_without_cuda_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError) as caught:
        resolve_device("cuda")
    assert caught.value.message.endswith(f"cpu. This torch, {torch.__version__}, is built without CUDA.")


@pytest.mark.parametrize(
    ("said", "visible", "told"),
    [
        ("Found no NVIDIA driver on your system. Please check …", "0", "No NVIDIA driver was found."),
        (
            "The NVIDIA driver on your system is too old (found version 11040). Please update …",
            "0",
            "The NVIDIA driver is too old, for CUDA 11.4 at most; this torch is built for CUDA 13.0.",
        ),
        ("No CUDA GPUs are available", None, "There is no CUDA card."),
        ("No CUDA GPUs are available", "", "CUDA_VISIBLE_DEVICES= leaves no card."),
        ("No CUDA GPUs are available", "7", "CUDA_VISIBLE_DEVICES=7 leaves no card."),
        ("CUDA driver initialization failed\nmore", None, "CUDA does not start: CUDA driver initialization failed."),
        (None, None, "There is no CUDA card."),
    ],
)
def test_why_there_is_no_cuda_device_is_told(
    said: str | None, visible: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init() -> None:
        warnings.warn("CUDA initialization: …", stacklevel=1)  # an error here, were it not suppressed
        if said is not None:
            raise RuntimeError(said)

    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(warnings.warn("too old", stacklevel=1)))
    monkeypatch.setattr(torch.cuda, "init", init)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(DeviceError) as caught:
        resolve_device("cuda:0")
    assert caught.value.message.endswith(f"cpu. {told}")


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:-1", "cpu:0", "CUDA", "cuda:1234"])
def test_misspelt_devices_are_usage_errors(name: str) -> None:
    with pytest.raises(UsageError, match="is not a known device"):
        resolve_device(name)


def test_a_device_that_fails_its_trial_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> torch.Tensor:
        raise RuntimeError("driver too old\nmore")

    monkeypatch.setattr(torch, "ones", broken)
    with pytest.raises(DeviceError, match=r"Device cpu does not work: driver too old$"):
        resolve_device("cpu")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [({}, False), ({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx512_f": True}, False)],
)
def test_bfloat16_only_where_the_cpu_has_it(
    flags: dict[str, bool], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags)
    assert _native_bfloat16(CPU) is expected
    wanted = Precision.BFLOAT16 if expected else Precision.FLOAT32
    assert resolve_device("cpu", Precision.AUTO).precision is wanted


@pytest.mark.parametrize(
    ("precision", "dtype"), [(Precision.BFLOAT16, torch.bfloat16), (Precision.FLOAT32, torch.float32)]
)
def test_a_named_precision_is_taken(precision: Precision, dtype: torch.dtype) -> None:
    compute = resolve_device("cpu", precision)
    assert (compute.precision, compute.dtype) == (precision, dtype)


def test_inference_takes_no_shortcuts_in_float32_and_puts_them_back() -> None:
    backends: Any = torch.backends
    settings = (backends.cudnn.conv, backends.cuda.matmul, backends.mkldnn.conv, backends.mkldnn.matmul)
    before = [setting.fp32_precision for setting in settings]
    with pytest.raises(RuntimeError, match="inside"), strict_float32():
        assert {setting.fp32_precision for setting in settings} == {"ieee"}
        raise RuntimeError("inside")
    assert [setting.fp32_precision for setting in settings] == before


def test_the_environment_says_what_ran(compute: Compute) -> None:
    environment = compute.environment()
    assert environment.device == "cpu"
    assert environment.threads == torch.get_num_threads()
    assert environment.torch == torch.__version__
    assert type(environment.torch) is str
    assert environment.device_name


def test_seeds_differ_by_purpose_and_number() -> None:
    seeds = {derive_seed(s, p, n) for s in range(5) for p in ("weights", "dropout", "epoch") for n in range(5)}
    assert len(seeds) == 75
    assert all(0 <= seed < 2**63 for seed in seeds)
