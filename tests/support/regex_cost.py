"""Which regular expressions can take more than linear time.

The engine of the standard library backtracks. Its time is more than linear where two repeats without a limit can
divide the same characters between them in many ways, and where a search begins anew inside of what a repeat has read.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from itertools import chain, islice, product
from re import _compiler, _parser  # type: ignore[attr-defined]
from typing import Any

from msgspec import Struct

MANY = 1000  # a repeat with a higher limit counts as one without
MAX_BRANCHES = 400  # of a sequence, with which it is taken apart
# Characters that stand for all: some of each kind that patterns distinguish.
_ASCII = "".join(map(chr, range(128)))
SAMPLE = frozenset(
    _ASCII + "年月日时完电讯图股一编责视频的，。、；：！？（）【】《》“”·—…｜丨\x85\xa0\u3000\u200bé\U00020000"
)
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")


class Part(Struct, frozen=True):
    """A part of a sequence.

    :ivar characters: of the sample, that it reads
    :ivar is_endless: it reads any number of them
    :ivar may_be_empty: it matches without reading one
    :ivar is_final: what it has read, it does not give back
    :ivar is_condition: it reads nothing, and may fail
    """

    characters: frozenset[str]
    is_endless: bool = False
    may_be_empty: bool = False
    is_final: bool = False
    is_condition: bool = False


_START = Part(frozenset())  # of the text: nothing can be read before it
_CONDITION = Part(frozenset(), may_be_empty=True, is_condition=True)


def problems(pattern: re.Pattern[Any], *, is_search: bool) -> list[str]:
    """Return why a pattern may take more than linear time; empty if it does not.

    :param is_search: it may begin anywhere in a text, not at its start only
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
        parsed = _parser.parse(source, pattern.flags & ~(re.UNICODE if isinstance(pattern.pattern, bytes) else 0))
    flags = parsed.state.flags
    found: list[str] = []
    for sequence in _sequences(parsed, flags):
        found += _adjacent(sequence)
        found += _searched(sequence) if is_search else ()
    return list(dict.fromkeys(chain(found, _repeated(parsed, flags))))


def _adjacent(sequence: Sequence[Part]) -> Iterator[str]:
    for first, one in enumerate(sequence):
        if not one.is_endless or one.is_final:
            continue
        shared = one.characters
        for other in sequence[first + 1 :]:
            if other.is_endless and shared & other.characters and not other.is_final:
                yield f"two repeats share {_shown(shared & other.characters)}"
            if not other.may_be_empty:
                shared &= other.characters


def _searched(sequence: Sequence[Part]) -> Iterator[str]:
    for place, part in enumerate(sequence):
        before, after = sequence[:place], sequence[place + 1 :]
        may_fail = any(each.is_condition or not each.may_be_empty for each in after)
        begins_inside = all(each.may_be_empty or each.characters & part.characters for each in before)
        if part.is_endless and may_fail and begins_inside:
            yield f"a search begins anew inside the repeat of {_shown(part.characters)}"


def _repeated(items: Any, flags: int) -> Iterator[str]:
    """Yield the problems of repeats of groups."""
    for operation, argument in items:
        if str(operation) in _REPEATS:
            low, high, body = argument
            del low
            if high > MANY and str(operation) != "POSSESSIVE_REPEAT":
                bodies = list(islice(_sequences(body, flags), 60))
                for one, other in product(bodies, bodies):
                    yield from _adjacent([*one, *other])
                yield from _ambiguous(bodies)
            yield from _repeated(body, flags)
        for inner in _bodies(str(operation), argument):
            yield from _repeated(inner, flags)


def _ambiguous(bodies: Sequence[Sequence[Part]]) -> Iterator[str]:
    for place, one in enumerate(bodies):
        for other in bodies[place + 1 :]:
            if one and other and one[0].characters & other[0].characters:
                yield f"two branches of a repeat begin with {_shown(one[0].characters & other[0].characters)}"


def _bodies(operation: str, argument: Any) -> Iterator[Any]:
    if operation == "SUBPATTERN":
        yield argument[3]
    elif operation == "BRANCH":
        yield from argument[1]
    elif operation == "ATOMIC_GROUP":
        yield argument
    elif operation in ("ASSERT", "ASSERT_NOT"):
        yield argument[1]


def _sequences(items: Any, flags: int) -> list[list[Part]]:
    """Return the sequences that a pattern consists of, one for each choice of its branches."""
    result: list[list[Part]] = [[]]
    for operation, argument in items:
        choices = _choices(str(operation), argument, flags)
        if len(result) * len(choices) > MAX_BRANCHES:
            choices = [[_merged(choices)]]
        result = [[*one, *other] for one in result for other in choices]
    return result


def _choices(operation: str, argument: Any, flags: int) -> list[list[Part]]:
    if operation == "BRANCH":
        return [sequence for branch in argument[1] for sequence in _sequences(branch, flags)]
    if operation == "SUBPATTERN":
        return _sequences(argument[3], (flags | argument[1]) & ~argument[2])
    if operation == "ATOMIC_GROUP":
        return [
            [Part(one.characters, one.is_endless, one.may_be_empty, True) for one in each]
            for each in _sequences(argument, flags)
        ]
    if operation in _REPEATS:
        return _repeat(operation, argument, flags)
    return [_single(operation, argument, flags)]


def _repeat(operation: str, argument: Any, flags: int) -> list[list[Part]]:
    low, high, body = argument
    inner = _sequences(body, flags)
    if high > MANY:
        merged = _merged(inner)
        empty = low == 0 or merged.may_be_empty
        return [[Part(merged.characters, True, empty, operation == "POSSESSIVE_REPEAT")]]
    return inner if low else [[], *inner]


def _single(operation: str, argument: Any, flags: int) -> list[Part]:
    if operation in ("ASSERT", "ASSERT_NOT"):
        if operation == "ASSERT" and argument[0] < 0:  # the character before
            return [_merged(_sequences(argument[1], flags))]
        return [_CONDITION] if argument[0] > 0 else []
    if operation == "AT":
        if str(argument) in ("AT_BEGINNING", "AT_BEGINNING_STRING") and not flags & re.MULTILINE:
            return [_START]
        return [_CONDITION] if "END" in str(argument) else []
    if operation == "GROUPREF":
        return [Part(SAMPLE, may_be_empty=True)]
    return [Part(_characters(operation, argument, flags))]


def _merged(sequences: Sequence[Sequence[Part]]) -> Part:
    parts = [part for sequence in sequences for part in sequence]
    characters = frozenset(char for part in parts for char in part.characters)
    empty = any(all(part.may_be_empty for part in sequence) for sequence in sequences)
    return Part(characters, any(part.is_endless for part in parts), empty)


def _characters(operation: str, argument: Any, flags: int) -> frozenset[str]:
    subpattern = _parser.parse("a", flags)
    subpattern.data = [(getattr(_parser, operation), argument)]
    code = _compiler._code(subpattern, flags)
    compiled = _compiler._sre.compile("", flags, code, 0, {}, (None,))
    return frozenset(char for char in SAMPLE if compiled.match(char))


def _shown(characters: frozenset[str]) -> str:
    return repr("".join(sorted(characters))[:24])
