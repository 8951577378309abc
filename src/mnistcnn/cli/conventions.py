"""The command line's conventions: no types in the help, checks of numbers, and messages about misuse."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperOption

from mnistcnn.errors import UsageError


class Command(TyperCommand):
    """A command whose help shows no types: a switch takes no value, and an argument's name says what it is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for parameter in self.params:
            if isinstance(parameter, TyperOption) and parameter.is_flag:
                parameter.metavar = ""
            elif isinstance(parameter, TyperArgument):
                setattr(parameter, "display_type_rich", lambda ctx: None)  # noqa: B010 - not all Typers have it

    def get_help_option(self, ctx: Any) -> TyperOption | None:
        """Return `--help`, which takes no value either."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.metavar = ""
        return option


def between(low: float, high: float | None = None) -> Callable[[typer.CallbackParam, Any], Any]:
    """Make a check that an option's number is at least `low` and at most `high`, or None; it raises `UsageError`."""

    def check(param: typer.CallbackParam, value: Any) -> Any:
        if value is not None and not (low <= value and (high is None or value <= high)):  # NaN fails both comparisons
            bounds = f"at least {low:g}" + ("" if high is None else f" and at most {high:g}")
            raise UsageError(f"{param.opts[0]} must be {bounds}, not {value:g}.")
        return value

    return check


def describe_misuse(misuse: Any) -> str:
    """Describe in one sentence why Typer rejects a command line."""
    if possibilities := getattr(misuse, "possibilities", None):
        return f"No such option '{misuse.option_name}'. Did you mean {_either(possibilities)}?"
    message = str(misuse.format_message()).replace("Value error, ", "")
    problem = _first_problem(misuse.__cause__)
    parameter = getattr(misuse, "param", None)
    if parameter is None:
        return message
    name = parameter.opts[0]
    if choice := re.fullmatch(r"(?:Value error, )?(.+) is not one of (.+)\.", misuse.message):
        choices = choice[2].replace("'", "")
        return f"{name} must be one of {choices}, not {choice[1]}."
    if problem is None:
        return message
    if problem["type"].startswith("int"):
        return f"{name} must be a whole number, not {problem['input']!r}."
    if problem["type"].startswith(("float", "finite")):
        return f"{name} must be a number, not {problem['input']!r}."
    return message


def _first_problem(cause: Any) -> dict[str, Any] | None:
    """Return the first problem that pydantic found, or None if pydantic did not reject the value."""
    errors = getattr(cause, "errors", None)
    found = errors() if callable(errors) else []
    return dict(found[0]) if found else None


def _either(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
