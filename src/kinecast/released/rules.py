"""Two-way rules between the keys of a published checkpoint and ours.

A list of rules names every key of both sides. Converting is strict: a key that no rule knows, or
one that a rule needs and does not find, is an error.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kinecast.core.errors import UserError, did_you_mean


@dataclass(frozen=True)
class Rule:
    """One published tensor and where it goes.

    Attributes:
        published: its key.
        ours: our keys; several share its first axis, None marks a part that our network does not
            have, none at all a tensor that no network uses. Rules that share a key of ours stand
            for equal copies of it.
        shares: how they share it, in proportion; equally where not given.
        ones: leading axes of length 1 that only the published tensor has.
        unused: value of a tensor without a key of ours, on the way back.
        checked: on the way in, an unused tensor must have that value.
    """

    published: str
    ours: tuple[str | None, ...] = ()
    ones: int = 0
    unused: Tensor | None = None
    checked: bool = False
    shares: tuple[int, ...] = ()

    def parts(self, value: Tensor) -> tuple[Tensor, ...]:
        """The published tensor in the parts that are ours."""
        if len(self.ours) == 1:
            return (value,)
        if not self.shares:
            return value.chunk(len(self.ours))
        return value.split([len(value) * share // sum(self.shares) for share in self.shares])


def both(published: str, *ours: str | None, shares: tuple[int, ...] = ()) -> list[Rule]:
    """The rules of a module's weight and bias."""
    return [
        Rule(f"{published}.{leaf}", tuple(o and f"{o}.{leaf}" for o in ours), shares=shares)
        for leaf in ("weight", "bias")
    ]


def to_ours(
    rules: Sequence[Rule],
    published: Mapping[str, Tensor],
    like: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Our state dict from a published one.

    Args:
        rules: of every key.
        published: by published keys.
        like: state of a network of the configuration, for its shapes; may be on the meta device.
            None: the caller checks shapes.

    Raises:
        UserError: missing, unexpected or misshapen tensors, or one that differs where it must not.
    """
    needed = {rule.published for rule in rules if rule.ours}
    known = {rule.published for rule in rules}
    wanted = {} if like is None else to_published(rules, like)
    checked = {rule.published for rule in rules if rule.checked}
    misshapen = [
        f"{key}: expected {tuple(wanted[key].shape)}, got {tuple(published[key].shape)}"
        for key in sorted((wanted.keys() & published.keys()) - checked)
        if wanted[key].shape != published[key].shape
    ]
    _check("published tensors", needed - published.keys(), published.keys() - known, misshapen)
    state: dict[str, Tensor] = {}
    for rule in rules:
        if rule.published not in published:
            continue
        value = published[rule.published]
        if rule.checked and rule.unused is not None:
            same = value.shape == rule.unused.shape
            rounding = 1e-5 + torch.finfo(value.dtype).eps
            if not same or not torch.allclose(
                value.float(), rule.unused.float(), rtol=0, atol=rounding
            ):
                raise UserError(
                    f"expected {rule.published} to be the regular one of shape "
                    f"{tuple(rule.unused.shape)}, got {tuple(value.shape)} with other values"
                )
        if rule.ours:
            value = value.reshape(value.shape[rule.ones :])
            pairs = zip(rule.ours, rule.parts(value), strict=True)
            state |= {k: _once(state.get(k), v, rule.published) for k, v in pairs if k}
    return state


def _once(known: Tensor | None, value: Tensor, published: str) -> Tensor:
    """A tensor of ours, which a file may hold several equal copies of."""
    if known is not None and not torch.equal(known, value):
        raise UserError(f"expected {published} to equal its copy in the same file, got another")
    return value.contiguous() if known is None else known


def to_published(rules: Sequence[Rule], ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A published state dict from ours; what no network uses gets a neutral value.

    Raises:
        UserError: missing or unexpected keys.
    """
    known = {name for rule in rules for name in rule.ours if name}
    _check("our tensors", known - ours.keys(), ours.keys() - known)
    state: dict[str, Tensor] = {}
    for rule in rules:
        present = [ours[name] for name in rule.ours if name]
        if present:
            absent = torch.zeros_like(present[0])
            parts = [ours[name] if name else absent for name in rule.ours]
            value = torch.cat(parts) if len(parts) > 1 else parts[0]
            state[rule.published] = value.reshape((1,) * rule.ones + tuple(value.shape))
        elif rule.unused is not None:
            state[rule.published] = rule.unused
    return state


def _check(
    what: str, missing: Iterable[str], unexpected: Iterable[str], misshapen: Sequence[str] = ()
) -> None:
    missing, unexpected = sorted(missing), sorted(unexpected)
    problems = {"missing": missing, "unexpected": unexpected, "misshapen": misshapen}
    if any(problems.values()):
        got = "; ".join(f"{len(v)} {k} ({_first(v)})" for k, v in problems.items() if v)
        renamed = did_you_mean(missing[0], unexpected) if len(missing) == 1 else ""
        hint = renamed.replace("did you mean", "was it renamed to")
        raise UserError(
            f"expected {what} of this configuration, got {got}{hint}; "
            "check the file and the configuration beside it"
        )


def _first(names: Sequence[str], count: int = 8) -> str:
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")
