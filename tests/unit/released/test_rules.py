import pytest
import torch

from kinecast.core.errors import UserError
from kinecast.core.rng import generator
from kinecast.released.rules import Rule, both, to_ours, to_published


def normal(*shape, key=0):
    return torch.randn(shape, generator=generator(key))


RULES = [
    *both("old", "new"),
    Rule("joint", ("first", "second")),
    Rule("partly", ("kept", None)),
    Rule("table", ("rows",), ones=2),
    Rule("scalar", ("number",)),
    Rule("unread", unused=torch.ones(3)),
    Rule("fixed", unused=torch.arange(3.0), checked=True),
]
PUBLISHED = {
    "old.weight": normal(2, 3),
    "old.bias": normal(2, key=1),
    "joint": normal(4, 2, key=2),
    "partly": torch.cat([normal(2, key=3), torch.zeros(2)]),
    "table": normal(1, 1, 5, key=4),
    "scalar": torch.tensor(0.5),
    "unread": torch.ones(3),
    "fixed": torch.arange(3.0),
}


def test_there_and_back_is_the_same():
    ours = to_ours(RULES, PUBLISHED)
    assert ours.keys() == {*("new.weight", "new.bias", "first", "second", "kept", "rows", "number")}
    assert torch.equal(torch.cat([ours["first"], ours["second"]]), PUBLISHED["joint"])
    assert ours["rows"].shape == (5,)
    back = to_published(RULES, ours)
    assert back.keys() == PUBLISHED.keys()
    assert all(torch.equal(back[name], PUBLISHED[name]) for name in PUBLISHED)


def test_what_no_network_uses_may_be_absent():
    published = {k: v for k, v in PUBLISHED.items() if k not in ("unread", "fixed")}
    assert to_ours(RULES, published).keys() == to_ours(RULES, PUBLISHED).keys()


def test_missing_and_unexpected_keys_are_named():
    published = {k: v for k, v in PUBLISHED.items() if k != "joint"} | {"alien": torch.zeros(1)}
    with pytest.raises(UserError, match=r"1 missing \(joint\); 1 unexpected \(alien\)"):
        to_ours(RULES, published)
    with pytest.raises(UserError, match=r"unexpected \(alien\)"):
        to_published(RULES, to_ours(RULES, PUBLISHED) | {"alien": torch.zeros(1)})


def test_a_fixed_tensor_must_be_what_it_should():
    for wrong in (torch.arange(3.0) + 0.1, torch.arange(4.0)):
        with pytest.raises(UserError, match="expected fixed to be the regular one"):
            to_ours(RULES, PUBLISHED | {"fixed": wrong})
