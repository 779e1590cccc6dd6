"""What every part of the chart's values is made of; its keys are camelCase, as Kubernetes writes them."""

from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta

Labels: TypeAlias = dict[str, str]
Objects: TypeAlias = list[dict[str, Any]]
Object: TypeAlias = dict[str, Any]
Namespace = Annotated[str, Meta(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
Duration = Annotated[str, Meta(pattern=r"^([0-9]+(ms|[smhd]))+$")]
Size = Annotated[str, Meta(pattern=r"^[0-9]+([KMG]B|B)$")]
HostPath = Annotated[str, Meta(pattern=r"^/")]
Variable = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """A part of the values: it refuses keys that it does not know."""
