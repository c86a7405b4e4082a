"""The compact form of product.md, to the letter."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awstune.errors import SpaceError
from awstune.search.compact import parse, parse_assignment, show
from awstune.search.space import Choice, Fixed, Float, Int, Space
from tests.unit.search.spaces import parameters, spaces


@pytest.mark.parametrize(
    ("text", "parameter"),
    [
        ("1e-5..1e-1:log", Float(1e-5, 1e-1, log=True)),
        ("1..4", Int(1, 4)),
        ("0..0.5", Float(0, 0.5)),
        ("1..4:step=0.5", Float(1, 4, step=0.5)),
        ("-5..5:n=5", Int(-5, 5, n=5)),
        ("0..0.5:step=0.1", Float(0, 0.5, step=0.1)),
        ("sgd,adam", Choice("sgd", "adam")),
        ("16,32,64", Choice(16, 32, 64)),
        ("1,2.5,true,false,none,text", Choice(1, 2.5, True, False, None, "text")),
        ("sgd,adam:default=adam:weights=1,3", Choice("sgd", "adam", default="adam", weights=[1, 3])),
        ("20", Fixed(20)),
        ("1e-3", Fixed(1e-3)),
        ("true", Fixed(value=True)),
        ("../data", Fixed("../data")),
        ("../2", Fixed("../2")),
        ("v1..v2", Fixed("v1..v2")),
        ("1-10", Fixed("1-10")),
        ("f(1),g(2)", Choice("f(1)", "g(2)")),
        ("1e-5..1e-1:log:prior=1e-3:default=3e-4", Float(1e-5, 1e-1, log=True, prior=1e-3, default=3e-4)),
        ('["a,b","c"]', Choice("a,b", "c")),
        ('["a:b","c"]:default="a:b"', Choice("a:b", "c", default="a:b")),
        ('{"a": 1}', Fixed({"a": 1})),
        ("0..1.0:when=opt=sgd", Float(0, 1, when={"opt": "sgd"})),
        ('0..1.0:when=opt=["a:b", 1]', Float(0, 1, when={"opt": ["a:b", 1]})),
    ],
)
def test_forms(text, parameter):
    """Each form means what the product says, and is shown in a form that means the same."""
    assert parse(text) == parameter
    assert parse(show(parameter)) == parameter


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1...5", "write x=1..5"),
        ("1..1", "write x=1, which fixes it"),
        ("5..1", "write x=1..5"),
        ("1e-1..1e-5:log", "write x=1e-05..0.1"),
        ("0..1:log", "write x=0.001..1:log"),
        ("-1..1:log", "write x=0.001..1:log"),
        ("-2..-1:log", ":log"),
        ("1..x", "1e-5..1e-1:log"),
        ("..5", "write x=0..5"),
        ("..0", "write x=-1..0"),
        ("..-2", "write x=-20..-2"),
        ("1..", "write x=1..10"),
        ("0..", "write x=0..1"),
        ("-3..", "write x=-3..0"),
        ("1e-4..", "write x=0.0001..0.001"),
        ("1.. 2", "write x=1..2"),
        ("1_000..2_000", "write x=1000..2000"),
        ("1e-5-1e-1", "write x=1e-5..1e-1"),
        ("0.1-0.5", "write x=0.1..0.5"),
        ("0x10..0x20", "write x=1e-5..1e-1:log"),
        ("1..2..3", "write x=1e-5..1e-1:log"),
        ("1,5..2,5", "write x=1.5..2.5"),
        ("1e-5..1e-1,log", "write x=1e-5..1e-1:log"),
        ("1..4,8..16", "write x=1..4"),
        ("(0,1)", "a range is 0..1"),
        ("loguniform(1e-5, 1e-1)", "a range is 0..1"),
        ("", "lr=1e-5..1e-1:log"),
        ("a,,b", "write x=a,b"),
        ("a,a", "once"),
        ("1..4:lin", ":log"),
        ("1..4:log=1", ":log"),
        ("1..4:n", ":n="),
        ("1..4:n=x", ":n=5"),
        ("1..4:n=0", "n=5"),
        ("1..4:step=9", "step"),
        ("1..4:step=a", ":step=0.1"),
        ("1..4:n=5:n=6", "one :n"),
        ("1..4:default=7", "between 1 and 4"),
        ("1..4:default=1.5", "write 2"),
        ("a,b:log", "default"),
        ("a,b:default=c", "one of a, b"),
        ("a,b:weights=1", "2 numbers"),
        ("a:default=a", "write"),
        ("1..4:when=x", ":when=opt=sgd"),
        ("1..4:when=x=[a", '["a,b"'),
        ('["a"', "single quotes"),
        ('["a","b"]x', "default"),
        ("0..1e400", "finite"),
        ("1..99999999999999999", "2**53"),
    ],
)
def test_refusals(text, hint):
    """What is no space is refused with status 2 and the right form in the hint."""
    with pytest.raises(SpaceError) as caught:
        parse(text, "x")
    assert hint in caught.value.hint
    assert caught.value.exit_status == 2
    assert caught.value.message.startswith(f"x={text}")


def test_assignment():
    """A dotted name goes with its parameter, and what is no assignment is refused."""
    assert parse_assignment("model.lr=1..4") == ("model.lr", Int(1, 4))
    for text in ("lr", "=1..4", "1x=2", "a.=2", "a..b=2"):
        with pytest.raises(SpaceError, match="NAME=SPACE"):
            parse_assignment(text)


@given(parameters)
def test_shown_form_is_read_back(parameter):
    """Any parameter is shown in a form that is read back as the same one."""
    assert parse(show(parameter)) == parameter


@given(spaces())
def test_toml_is_read_back(space):
    """A space survives its TOML table."""
    again = Space.from_toml(space.to_toml())
    assert dict(again) == dict(space)
    assert list(again) == list(space)


@given(st.text(alphabet='0123456789.,:=-+e[]"{} alogstepndfut', max_size=20))
def test_any_text_is_read_or_refused(text):
    """No text ends in anything but a parameter that JSON can hold, or SpaceError."""
    try:
        parameter = parse(text)
    except SpaceError:
        return
    assert parse(show(parameter)) == parameter
    json.dumps(show(parameter))


@pytest.mark.parametrize(
    ("value", "parameter"),
    [
        ("1..4", Int(1, 4)),
        (20, Fixed(20)),
        (["a", "b"], Choice("a", "b")),
        (("a", "b"), Choice("a", "b")),
        (Float(0, 1), Float(0, 1)),
        ({"low": 1e-5, "high": 0.1, "log": True, "prior": 1e-3}, Float(1e-5, 0.1, log=True, prior=1e-3)),
        ({"low": 1, "high": 4}, Int(1, 4)),
        ({"low": 1, "high": 4, "step": 0.5}, Float(1, 4, step=0.5)),
        ({"options": ["a", "b"], "weights": [1, 2]}, Choice("a", "b", weights=[1, 2])),
        ({"value": 3, "when": {"y": 1}}, Fixed(3, when={"y": 1})),
    ],
)
def test_tables(value, parameter):
    """A value of the TOML table is the compact form, a table of arguments, or fixed."""
    assert Space.from_toml({"x": value, "y": 1})["x"] == parameter


@pytest.mark.parametrize(
    "table", [{"lo": 1, "high": 2}, {"low": 1}, {}, {"options": ["a", "b"], "log": True}]
)
def test_tables_with_wrong_keys(table):
    """A table of other keys is refused, and the hint shows one that is right."""
    with pytest.raises(SpaceError) as caught:
        Space.from_toml({"x": table})
    assert "low = 1e-5" in caught.value.hint


def test_a_table_with_values_that_do_not_fit():
    """The bounds of a table are looked at like those of the compact form, and its name is told."""
    with pytest.raises(SpaceError, match=r"^\[space\] x: the range 2..1 is upside down"):
        Space.from_toml({"x": {"low": 2, "high": 1}})


@pytest.mark.parametrize(("text", "told"), [("[]", "the list is empty"), ('["a"', "this is not JSON")])
def test_lists_that_hold_nothing(text, told):
    """A list of options without any, or without its end, is refused with one that is right."""
    with pytest.raises(SpaceError, match=told) as caught:
        parse(text, "x")
    assert '["a,b","c"]' in caught.value.hint
