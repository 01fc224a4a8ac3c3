"""Two-way rules between the keys of a published checkpoint and ours.

A list of rules names every key of both sides. Converting is strict: a key that no rule knows, or
one that a rule needs and does not find, is an error.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kinecast.core.errors import UserError


@dataclass(frozen=True)
class Rule:
    """One published tensor and where it goes.

    Attributes:
        published: its key.
        ours: our keys; several share its first axis in equal parts, None marks a part that our
            network does not have, none at all a tensor that no network uses.
        ones: leading axes of length 1 that only the published tensor has.
        unused: value of a tensor without a key of ours, on the way back.
        checked: on the way in, an unused tensor must have that value.
    """

    published: str
    ours: tuple[str | None, ...] = ()
    ones: int = 0
    unused: Tensor | None = None
    checked: bool = False


def both(published: str, *ours: str | None) -> list[Rule]:
    """The rules of a module's weight and bias."""
    return [
        Rule(f"{published}.{leaf}", tuple(o and f"{o}.{leaf}" for o in ours))
        for leaf in ("weight", "bias")
    ]


def to_ours(rules: Sequence[Rule], published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict from a published one.

    Raises:
        UserError: missing or unexpected keys, or a tensor that differs where it must not.
    """
    needed = {rule.published for rule in rules if rule.ours}
    known = {rule.published for rule in rules}
    _check("published tensors", needed - published.keys(), published.keys() - known)
    state: dict[str, Tensor] = {}
    for rule in rules:
        if rule.published not in published:
            continue
        value = published[rule.published]
        if rule.checked and rule.unused is not None:
            same = value.shape == rule.unused.shape
            if not same or not torch.allclose(value.float(), rule.unused, rtol=0, atol=1e-5):
                raise UserError(
                    f"expected {rule.published} to be the regular one of shape "
                    f"{tuple(rule.unused.shape)}, got {tuple(value.shape)} with other values"
                )
        if rule.ours:
            value = value.reshape(value.shape[rule.ones :])
            parts = value.chunk(len(rule.ours)) if len(rule.ours) > 1 else (value,)
            state |= {k: v.contiguous() for k, v in zip(rule.ours, parts, strict=True) if k}
    return state


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


def _check(what: str, missing: Iterable[str], unexpected: Iterable[str]) -> None:
    missing, unexpected = sorted(missing), sorted(unexpected)
    if missing or unexpected:
        raise UserError(
            f"expected {what} of this configuration, got {len(missing)} missing "
            f"({', '.join(missing[:8])}) and {len(unexpected)} unexpected "
            f"({', '.join(unexpected[:8])}); check the configuration beside the weights"
        )
