"""The error tree."""

import inspect
import re

from stir import errors
from stir.errors import FetchError, StirError


def tree(root: type[StirError]) -> list[type[StirError]]:
    """Return *root* and all below it, depth first, as they stand in the module."""
    return [
        root,
        *(each for child in root.__subclasses__() if child.__module__ == errors.__name__ for each in tree(child)),
    ]


def test_the_drawing_is_the_tree() -> None:
    """The tree at the top of the module shows every class, where it is and in the order of the source."""
    drawn = re.findall(r"^((?:[│ ] {3})*)[├└]── (\w+)", inspect.getdoc(errors) or "", re.MULTILINE)
    shown = [(len(indent) // 4 + 1, name) for indent, name in drawn]

    assert [(len(kind.__mro__) - 4, kind.__name__) for kind in tree(StirError)[1:]] == shown


def test_every_class_has_a_code_of_its_own() -> None:
    """A class is a machine code: no two share one, and none inherits its parent's."""
    kinds = tree(StirError)

    assert all("code" in vars(kind) for kind in kinds)
    assert len(kinds) == len({kind.code for kind in kinds})
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code) for kind in kinds)


def test_the_text_of_an_error_is_its_detail() -> None:
    """People read the detail; str() is the same sentence."""
    for kind in tree(StirError):
        error = kind("it is so")
        assert "it is so" == error.detail == str(error)


def test_a_failed_fetch_has_one_word_for_metrics() -> None:
    """A fetch says why it failed, in one word."""
    assert "failed" == FetchError("x").reason
    assert "timeout" == FetchError("x", reason="timeout").reason
