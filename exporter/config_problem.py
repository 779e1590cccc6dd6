"""Says what was expected, what was found, and where, of a document that does not fit its structs."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import inspect

_AT: Final = re.compile(r"^(?P<said>.*?)(?: - at `(?P<path>[^`]+)`)?$", re.DOTALL)
_STEP: Final = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<index>\d+|\.\.\.)\]")
_LONGEST_FOUND: Final = 60


def explain(message: str, document: object, root: type[msgspec.Struct]) -> str:
    """Return msgspec's `message` with the path first, the keys that are known, and the value that was found."""
    match = _AT.match(message)
    said, path = (match["said"], match["path"] or "$") if match else (message, "$")
    steps = [step["key"] or step["index"] for step in _STEP.finditer(path)]
    if said.startswith("Object contains unknown field"):
        unknown = said.removeprefix("Object contains unknown field ")
        return f"{path}: expected keys out of {_known_keys(root, steps)}, found {unknown}"
    if said.startswith("Object missing required field"):
        missing = said.removeprefix("Object missing required field ")
        return f"{path}: expected key {missing}, found {_show(_walk(document, steps))}"
    if said.startswith("Invalid enum value"):
        return f"{path}: expected one of {_choices(root, steps)}, found {_show(_walk(document, steps))}"
    if path.endswith("_variable"):  # it may be the secret itself
        return f"{path}: {said[:1].lower()}{said[1:]}, found another text, not shown"
    return f"{path}: {said[:1].lower()}{said[1:]}{_found(said, _walk(document, steps))}"


def _found(said: str, value: object) -> str:
    return "" if ", got " in said else f", found {_show(value)}"


def _show(value: object) -> str:
    if isinstance(value, Mapping):
        return "keys " + str(sorted(map(str, value)))
    if isinstance(value, str) and "@" in value:
        return "a text with an @ in it, not shown: it may hold a password"
    text = f"`{value}`"
    return text if len(text) <= _LONGEST_FOUND else text[: _LONGEST_FOUND - 2] + "…`"


def _walk(document: object, steps: list[str]) -> object:
    for step in steps:
        if isinstance(document, Mapping):
            document = document.get(step)
        elif isinstance(document, list) and step.isdigit() and int(step) < len(document):
            document = document[int(step)]
    return document


def _known_keys(root: type[msgspec.Struct], steps: list[str]) -> list[str]:
    kind = _struct_in(_type_at(root, steps))
    return [field.encode_name for field in kind.fields] if isinstance(kind, inspect.StructType) else []


def _choices(root: type[msgspec.Struct], steps: list[str]) -> list[object]:
    kind = _struct_in(_type_at(root, steps))
    return sorted(kind.values, key=str) if isinstance(kind, inspect.LiteralType) else []


def _type_at(root: type[msgspec.Struct], steps: list[str]) -> inspect.Type:
    kind: inspect.Type = inspect.type_info(root)
    for step in steps:
        kind = _step_into(kind, step)
    return kind


def _step_into(kind: inspect.Type, step: str) -> inspect.Type:
    kind = _struct_in(kind)
    if isinstance(kind, inspect.StructType):
        return next((field.type for field in kind.fields if field.encode_name == step), kind)
    return getattr(kind, "item_type", kind)


def _struct_in(kind: inspect.Type) -> inspect.Type:
    if isinstance(kind, inspect.Metadata):
        return _struct_in(kind.type)
    if isinstance(kind, inspect.UnionType):
        return next((one for one in kind.types if isinstance(one, inspect.StructType)), kind)
    return kind
