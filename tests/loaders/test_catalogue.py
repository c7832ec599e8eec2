"""Catalogues: one declaration a name."""

from dataclasses import dataclass

import pytest

from loaders.catalogue import Catalogue
from loaders.errors import UserError


@dataclass(frozen=True)
class Fruit:
    name: str
    colour: str = "red"


def test_one_declaration_a_name() -> None:
    fruit = Catalogue("fruit", [Fruit("apple"), Fruit("pear")])
    fruit.add(Fruit("apple"))  # the same
    assert list(fruit) == ["apple", "pear"] and fruit.find("pear") is fruit["pear"]
    with pytest.raises(ValueError, match="two declarations of a fruit"):
        fruit.add(Fruit("apple", "green"))
    assert fruit["apple"].colour == "red"


def test_an_unknown_name_is_told_with_the_nearest_one() -> None:
    with pytest.raises(
        UserError, match=r"fruit.name=aple: no such fruit; did you mean apple\? there are apple"
    ):
        Catalogue("fruit", [Fruit("apple")]).find("aple", "fruit.name")


def test_what_is_added_for_a_while_goes_again() -> None:
    fruit = Catalogue("fruit", [Fruit("apple")])

    def fail() -> None:
        with fruit.extended(Fruit("fig")):
            assert "fig" in fruit
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(fruit) == ["apple"]
