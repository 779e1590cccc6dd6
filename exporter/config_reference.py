"""The configuration's reference as a YAML file that one can start from: every key, its default, its meaning."""

import textwrap
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import yaml
from msgspec import inspect

from exporter.config import Config

_WIDTH: Final = 110
_HEAD: Final = "# Every key of Lanewatch's configuration with its default. A key that is left out has its default.\n"


def reference() -> str:
    """Return the reference; keys without a default stand in comments."""
    return _HEAD + "".join(f"\n{line}" for line in _struct_lines(Config, 0)).lstrip("\n") + "\n"


def _struct_lines(struct: type[msgspec.Struct], depth: int) -> Iterator[str]:
    said = meanings(struct)
    kind = inspect.type_info(struct)
    for field in kind.fields if isinstance(kind, inspect.StructType) else ():
        if depth == 0:
            yield ""
        yield from _comment(said[field.encode_name], depth)
        yield from _key_lines(field, depth)


def _key_lines(field: inspect.Field, depth: int) -> Iterator[str]:
    indent, inner, many = "  " * depth, inner_struct(field.type), is_many(field.type)
    if inner is None or not (many or _is_optional(field.type)):
        yield from _plain_lines(field, inner, depth)
        return
    default = default_of(field) if many else None
    yield f"{indent}{field.encode_name}: {as_yaml(default)}"
    example = [line for line in _struct_lines(inner, depth + 1) if line.strip()]
    yield f"{indent}# {'each of them' if many else 'where there is one'}:"
    yield from (f"{indent}#{line.removeprefix(indent)}" for line in example)


def _plain_lines(field: inspect.Field, inner: type[msgspec.Struct] | None, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if inner is not None:
        yield f"{indent}{field.encode_name}:"
        yield from _struct_lines(inner, depth + 1)
    elif field.required:
        yield f"{indent}{field.encode_name}:  # needed"
    else:
        yield f"{indent}{field.encode_name}: {as_yaml(default_of(field))}"


def meanings(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return what each key of a section means."""
    properties = msgspec.json.schema_components([struct], ref_template="{name}")[1][struct.__name__]["properties"]
    return {name: one.get("description", "") for name, one in properties.items()}


def default_of(field: inspect.Field) -> Any:  # noqa: ANN401  # whatever the key holds
    """Return the value that a key has when it is left out."""
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _comment(text: str, depth: int) -> Iterator[str]:
    indent = "  " * depth
    yield from textwrap.wrap(text, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def as_yaml(value: Any) -> str:  # noqa: ANN401  # any default that YAML can write
    """Return a value as YAML on one line."""
    text: str = yaml.safe_dump(msgspec.to_builtins(value), default_flow_style=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def inner_struct(kind: inspect.Type) -> type[msgspec.Struct] | None:
    """Return the section that a key holds, alone or as a list, or None for a plain value."""
    kind = bare(kind)
    if isinstance(kind, inspect.StructType):
        return kind.cls
    if isinstance(kind, inspect.UnionType):
        return next((one.cls for one in kind.types if isinstance(one, inspect.StructType)), None)
    return inner_struct(kind.item_type) if is_many(kind) and hasattr(kind, "item_type") else None


def bare(kind: inspect.Type) -> inspect.Type:
    """Return a type without what was said about it."""
    return bare(kind.type) if isinstance(kind, inspect.Metadata) else kind


def is_many(kind: inspect.Type) -> bool:
    """Say whether a key holds a list."""
    return isinstance(bare(kind), inspect.VarTupleType)


def _is_optional(kind: inspect.Type) -> bool:
    plain = bare(kind)
    return isinstance(plain, inspect.UnionType) and any(isinstance(one, inspect.NoneType) for one in plain.types)
