import math
from dataclasses import fields

import pytest

from mnistcnn.config import DatasetName, Precision, TrainConfig, check_mirror
from mnistcnn.errors import UsageError


def test_defaults_are_the_specification() -> None:
    config = TrainConfig()
    assert (config.epochs, config.batch_size, config.validation_size, config.seed) == (5, 200, 5000, 0)


def test_settings_survive_the_way_through_plain_types() -> None:
    config = TrainConfig(lr=0.01, dataset=DatasetName.SYNTHETIC, precision=Precision.BFLOAT16)
    values = config.to_dict()
    assert all(type(value) in (int, float, str) for value in values.values())
    assert TrainConfig.from_dict(values) == config


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("lr", 0.0),
        ("lr", math.nan),
        ("lr", math.inf),
        ("weight_decay", -1.0),
        ("label_smoothing", 1.0),
        ("shift", 15),
        ("rotation", 181.0),
        ("scale", 1.0),
        ("shear", -0.1),
        ("elastic", math.nan),
        ("seed", -1),
        ("seed", 2**63),
        ("validation_size", 0),
        ("validation_size", 60_000),
    ],
)
def test_senseless_values_are_refused_by_the_name_of_their_field(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"^{name} must be (at least|more than) .*, not {value}") as caught:
        TrainConfig(**{name: value})  # type: ignore[arg-type]
    assert caught.value.setting == name


@pytest.mark.parametrize("name", [n for n, (_, s) in TrainConfig.settings().items() if s.min is not None])
def test_bounds_are_included_unless_they_say_not(name: str) -> None:
    kind, setting = TrainConfig.settings()[name]
    TrainConfig(**{name: kind(setting.max)})
    if not setting.min_excluded:
        TrainConfig(**{name: kind(setting.min)})


@pytest.mark.parametrize(
    "damage", [{"epochs": "5"}, {"epochs": True}, {"dataset": "cifar"}, {"extra": 1}, {"lr": None}, {"lr": 10**400}]
)
def test_damaged_settings_are_refused(damage: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError, UsageError)):
        TrainConfig.from_dict({**TrainConfig().to_dict(), **damage})


def test_a_missing_setting_is_refused() -> None:
    for field in fields(TrainConfig):
        values = TrainConfig().to_dict()
        del values[field.name]
        with pytest.raises(ValueError, match=field.name):
            TrainConfig.from_dict(values)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/mnist", "https://host", "HTTPS://[::1]:8080/a/b", "http://u:p@h"])
def test_a_mirror_gets_its_slash(url: str) -> None:
    assert check_mirror(url) == f"{url}/" == check_mirror(f"{url}/")
    assert check_mirror(None) is None


@pytest.mark.parametrize(
    "url",
    ["", "file:///etc/", "ftp://host/", "mnist", "http://", "//host/", "http://:80/", "http://[::1", "http://h:x/"],
)
def test_only_http_addresses_are_mirrors(url: str) -> None:
    with pytest.raises(UsageError, match="not an http"):
        check_mirror(url)
