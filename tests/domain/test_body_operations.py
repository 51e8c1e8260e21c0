"""Operations on an annotation's bodies: in their order, and all or none of them."""

from __future__ import annotations

import pytest

from chalicelib.domain.annotation import (
    MAX_BODIES,
    MAX_OPERATIONS,
    SpecificResource,
    TextualBody,
    apply_operations,
)
from tests.domain.annotations import (
    LINK,
    OTHER,
    TAG,
    faults_of,
)

PLACE = TextualBody("Place", "tagging")
CITY = TextualBody("City", "tagging")
REFERENCE = SpecificResource(f"resource:{OTHER}", "linking")
CITY_JSON = {**TAG, "value": "City"}


def test_operations_are_applied_in_their_order():
    bodies = apply_operations(
        (PLACE,),
        [
            {"op": "add", "item": LINK},
            {"op": "replace", "oldItem": TAG, "newItem": CITY_JSON},
            {"op": "remove", "item": {**LINK, "source": f"https://any.example/resources/{OTHER}"}},
            {"op": "add", "item": LINK},
        ],
    )

    assert bodies == (CITY, REFERENCE)


def test_adding_what_is_there_changes_nothing():
    assert apply_operations((PLACE,), [{"op": "add", "item": TAG}]) == (PLACE,)


def test_replacing_keeps_the_place_and_makes_no_duplicate():
    operation = {"op": "replace", "oldItem": TAG, "newItem": CITY_JSON}

    assert apply_operations((PLACE, REFERENCE), [operation]) == (CITY, REFERENCE)
    assert apply_operations((PLACE, REFERENCE, CITY), [operation]) == (CITY, REFERENCE)


@pytest.mark.parametrize(
    ("operation", "pointer"),
    [
        ({"op": "remove", "item": CITY_JSON}, "/item"),
        ({"op": "replace", "oldItem": CITY_JSON, "newItem": TAG}, "/oldItem"),
        ({"op": "remove"}, "/item"),
        ({"op": "replace", "oldItem": TAG}, "/newItem"),
        ({"op": "add", "item": {"value": ""}}, "/item/value"),
        ({"op": "add", "item": TAG, "at": 0}, "/at"),
        ({"op": "move", "item": TAG}, ""),
        ({"op": []}, ""),
        ("add", ""),
    ],
)
def test_an_operation_with_a_fault_is_refused_where_it_is(operation, pointer):
    found = faults_of(lambda: apply_operations((PLACE,), [operation], "/operations"))

    assert found.keys() == {f"/operations/0{pointer}"}


def test_what_an_operation_removed_the_next_one_misses():
    remove = {"op": "remove", "item": TAG}

    found = faults_of(lambda: apply_operations((PLACE,), [remove, remove]))

    assert found.keys() == {"/operations/1/item"}


@pytest.mark.parametrize(
    "operations", [None, {}, [{"op": "add", "item": TAG}] * (MAX_OPERATIONS + 1)]
)
def test_operations_are_a_list_of_at_most_a_hundred(operations):
    assert faults_of(lambda: apply_operations((), operations)).keys() == {"/operations"}


def test_operations_leave_no_more_bodies_than_an_annotation_has():
    add = [{"op": "add", "item": {"value": str(index)}} for index in range(MAX_BODIES)]

    assert len(apply_operations((), add)) == MAX_BODIES
    assert faults_of(lambda: apply_operations((PLACE,), add)).keys() == {"/operations"}
