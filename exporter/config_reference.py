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
    schema = msgspec.json.schema_components([struct], ref_template="{name}")[1][struct.__name__]
    kind = inspect.type_info(struct)
    for field in kind.fields if isinstance(kind, inspect.StructType) else ():
        if depth == 0:
            yield ""
        yield from _comment(schema["properties"][field.encode_name].get("description", ""), depth)
        yield from _key_lines(field, depth)


def _key_lines(field: inspect.Field, depth: int) -> Iterator[str]:
    indent, inner, many = "  " * depth, _inner_struct(field.type), _is_many(field.type)
    if inner is None or not (many or _is_optional(field.type)):
        yield from _plain_lines(field, inner, depth)
        return
    default = _default(field) if many else None
    yield f"{indent}{field.encode_name}: {_yaml(default)}"
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
        yield f"{indent}{field.encode_name}: {_yaml(_default(field))}"


def _default(field: inspect.Field) -> Any:  # noqa: ANN401  # whatever the key holds
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _comment(text: str, depth: int) -> Iterator[str]:
    indent = "  " * depth
    yield from textwrap.wrap(text, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def _yaml(value: Any) -> str:  # noqa: ANN401  # any default that YAML can write
    text: str = yaml.safe_dump(msgspec.to_builtins(value), default_flow_style=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def _inner_struct(kind: inspect.Type) -> type[msgspec.Struct] | None:
    kind = _bare(kind)
    if isinstance(kind, inspect.StructType):
        return kind.cls
    if isinstance(kind, inspect.UnionType):
        return next((one.cls for one in kind.types if isinstance(one, inspect.StructType)), None)
    return _inner_struct(kind.item_type) if _is_many(kind) and hasattr(kind, "item_type") else None


def _bare(kind: inspect.Type) -> inspect.Type:
    return _bare(kind.type) if isinstance(kind, inspect.Metadata) else kind


def _is_many(kind: inspect.Type) -> bool:
    return isinstance(_bare(kind), inspect.VarTupleType)


def _is_optional(kind: inspect.Type) -> bool:
    bare = _bare(kind)
    return isinstance(bare, inspect.UnionType) and any(isinstance(one, inspect.NoneType) for one in bare.types)
