"""Every exception that Lanewatch raises on purpose.

LanewatchError
├── ConfigError      the configuration cannot be used: the start stops, exit code 2
├── ListenError      the address cannot be listened on: the start stops, exit code 1
├── CatalogueError   a metric was used with labels that it does not have: a bug, found by tests
└── SourceError      one outside system could not be read: data for `lanewatch_source_errors_total{kind}`
"""

from typing import Literal, get_args

SourceErrorKind = Literal["absent", "bad_answer", "failed", "forbidden", "hung", "refused", "timeout", "too_large"]
SOURCE_ERROR_KINDS: tuple[SourceErrorKind, ...] = get_args(SourceErrorKind)


class LanewatchError(Exception):
    """The root: catch it to catch what Lanewatch raises on purpose."""


class ConfigError(LanewatchError):
    """The configuration cannot be used; the message says what was expected, what was found, and where."""


class ListenError(LanewatchError):
    """The address cannot be listened on; the message says which, and why."""


class CatalogueError(LanewatchError):
    """A metric of the catalogue was used with labels or a value that it does not allow."""


class SourceError(LanewatchError):
    """One outside system could not be read; `kind` is from a closed list, the text is for people only.

    `partial` is the part of the snapshot that can still be told, such as the names of the cards that do not answer.
    """

    def __init__(self, kind: SourceErrorKind, message: str, *, partial: object = None) -> None:
        super().__init__(message)
        self.kind: SourceErrorKind = kind
        self.partial = partial
