"""docs/configuration.md out of the structs of the file: every key, what it may be, its default, its meaning."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec import inspect

from exporter.config import Config
from exporter.config_reference import as_yaml, bare, default_of, inner_struct, is_many, meanings
from exporter.config_section import URL

PATH: Final = "docs/configuration.md"
_HEAD: Final = """# Configuration

Generated from the structs of `exporter/config*.py` by `make generate`; edit there.

One YAML file, at most 1 MiB. Every key has a default: no file is a valid configuration of one machine with one card. An
unknown key, a key that stands twice and a value out of its range are refused, with the path of the key and what was
expected. In the chart the same keys stand below `config`.

```sh
lanewatch config reference > lanewatch.yaml   # every key with its default, to start from
lanewatch config check lanewatch.yaml
```

Keys of the gateway and of lanes are never in the file: it names an environment variable or a file that holds them.
`lanewatch serve` has the flags `--config`, `--role`, `--web.listen-address`, `--web.config.file` and `--log.level`.
Each is a variable too: `LANEWATCH_WEB_LISTEN_ADDRESS`, and so on.

Below, `name[]` is each element of a list.
"""
_BASIC: Final = {
    inspect.BoolType: "yes or no",
    inspect.IntType: "whole number",
    inspect.FloatType: "number",
    inspect.StrType: "text",
    inspect.NoneType: "none",
}


@dataclass(frozen=True, slots=True)
class _Table:
    """One section: where it stands in the file, and what its keys are."""

    path: str
    meaning: str
    struct: type[msgspec.Struct]


def render() -> dict[str, str]:
    """Return the document by its path."""
    return {PATH: _HEAD + "".join(map(_section, _tables(_Table("", "The whole file", Config))))}


def _tables(table: _Table) -> Iterator[_Table]:
    yield table
    said = meanings(table.struct)
    for field in _fields(table.struct):
        inner = inner_struct(field.type)
        if inner is not None:
            name = f"{field.encode_name}[]" if is_many(field.type) else field.encode_name
            path = f"{table.path}.{name}".lstrip(".")
            yield from _tables(_Table(path, said[field.encode_name], inner))


def _section(table: _Table) -> str:
    said = meanings(table.struct)
    rows = "".join(_row(field, said[field.encode_name]) for field in _fields(table.struct))
    title = f"`{table.path}`" if table.path else table.meaning
    meaning = f"{table.meaning}\n\n" if table.path else ""
    return f"\n## {title}\n\n{meaning}| key | may be | default | meaning |\n| --- | --- | --- | --- |\n{rows}"


def _row(field: inspect.Field, meaning: str) -> str:
    is_section = inner_struct(field.type) is not None
    default = "needed" if field.required else "see below" if _is_plain_section(field) else _default(field)
    kind = "list, see below" if is_many(field.type) and is_section else _kind(field.type)
    return "| " + " | ".join(_cell(text) for text in (f"`{field.encode_name}`", kind, default, meaning)) + " |\n"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _default(field: inspect.Field) -> str:
    value = default_of(field)
    return "none" if value is None else f"`{as_yaml(value)}`"


def _is_plain_section(field: inspect.Field) -> bool:
    return isinstance(bare(field.type), inspect.StructType)


def _fields(struct: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    kind = inspect.type_info(struct)
    return kind.fields if isinstance(kind, inspect.StructType) else ()


def _kind(kind: inspect.Type) -> str:
    """Return in words what a value may be."""
    kind = bare(kind)
    if isinstance(kind, inspect.LiteralType):
        return ", ".join(f"`{value}`" for value in kind.values)
    if isinstance(kind, inspect.UnionType):
        return " or ".join(sorted(map(_kind, kind.types), key="none".__eq__))
    if isinstance(kind, inspect.VarTupleType):
        return f"list of {_kind(kind.item_type)}"
    if isinstance(kind, inspect.DictType):
        return f"mapping of {_kind(kind.key_type)} to {_kind(kind.value_type)}"
    if isinstance(kind, inspect.StructType):
        return "section"
    return "address" if getattr(kind, "pattern", None) == URL else _BASIC[type(kind)] + _range(kind)


def _range(kind: Any) -> str:  # noqa: ANN401  # numbers and texts have different limits
    limits = [
        (getattr(kind, "gt", None), "above {}"),
        (getattr(kind, "ge", None), "at least {}"),
        (getattr(kind, "lt", None), "below {}"),
        (getattr(kind, "le", None), "at most {}"),
        (getattr(kind, "min_length", None), "at least {} long"),
    ]
    said = [words.format(f"{limit:.12g}") for limit, words in limits if limit is not None]
    return f" {' and '.join(said)}" if said else ""
