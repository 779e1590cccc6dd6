"""Prompts of a wanted size: made words, each of which is one token of the usual vocabularies. Pure."""

from itertools import cycle, islice
from typing import Final

_WORDS: Final = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def made_words(count: int) -> str:
    """Return so many words, each followed by a space."""
    return "".join(f"{word} " for word in islice(cycle(_WORDS), count))
