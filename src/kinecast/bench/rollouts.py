"""Rollouts: a policy acts in LIBERO's simulator until the goal holds or the time is up.

Source: ZipMo (arXiv 2604.11737), section 4 (robotics) and the released evaluation: 600 steps at
most, both views at 128 x 128, 10 steps of the planner's sampler, temporal averaging as published
(`systems.zipmo.policy.TemporalAverage`), actions as they come. How initial states and seeds are
told apart among parallel environments is not published; here episode i starts from initial state i.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from kinecast.bench.case import Case
from kinecast.bench.contestant import Contestant
from kinecast.bench.results import CaseFacts, Result
from kinecast.core import rng
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.data.libero.benchmark import Task, task
from kinecast.data.libero.environment import FPS, REST, SIZE, Environment, Observation
from kinecast.forecast.forecaster import Forecaster
from kinecast.io.image import resize_image
from kinecast.systems.base import ImageBatch
from kinecast.systems.zipmo.libero_system import ZipMoLibero
from kinecast.systems.zipmo.rollout import Rollout

SEED, APART, ENVIRONMENTS = 42, 100_000, 10  # published: seed + environment * 100,000 + rollout
NOT_A_POLICY = "is no policy: only weights of zipmo-libero with a policy head act"


class Actor(Protocol):
    """What acts in one episode."""

    def act(self, seen: Observation) -> Float64[np.ndarray, " 7"]:
        """The action of the next step, each number in [-1, 1]."""


class Resting:
    """Stays where it is, gripper open: what a goal that holds anyway is worth."""

    def act(self, seen: Observation) -> Float64[np.ndarray, " 7"]:
        """No motion."""
        return REST


class Policy:
    """A policy head on its planner, in one episode.

    Args:
        forecaster: of a `ZipMoLibero` with a policy.
        text: the instruction.
        seed: of the episode's noise.

    Raises:
        UserError: other weights, or a text encoder that is not on this machine.
    """

    def __init__(self, forecaster: Forecaster, text: str, seed: int) -> None:
        system = _with_policy(forecaster)
        if system is None:
            raise UserError(f"{forecaster.name} {NOT_A_POLICY}")
        self._system, self._encoders = system, forecaster.encoders
        self._device = forecaster.device
        assert system.needs.text is not None
        self._text = self._encoders.text(system.needs.text, text).to(self._device)
        self._rollout, self._draw = Rollout(system), rng.generator(seed)

    @torch.inference_mode()
    def act(self, seen: Observation) -> Float64[np.ndarray, " 7"]:
        """Plan from what is seen, act, and average over the plans before."""
        shape = (1, *self._system.latent_shape({}))
        noise = torch.randn(shape, generator=self._draw).to(self._device)
        state = torch.from_numpy(seen.proprioception.astype(np.float32))[None].to(self._device)
        action = self._rollout.act(self._seen(seen), state, noise)[0]
        if not action.isfinite().all():
            raise UserError("expected finite actions of the policy, got some that are not")
        # The arm's controller clips, the gripper takes the sign: the same as the number itself.
        return np.asarray(action.double().clamp(-1, 1).cpu().numpy())

    def _seen(self, seen: Observation) -> ImageBatch:
        needs = self._system.needs
        views = [*seen.views.values()]  # agentview, eye_in_hand: the order of the planner's views
        if needs.frame is not None:
            views = [resize_image(view, needs.frame) for view in views]
        pixels = torch.from_numpy(np.stack(views))[None].to(self._device)
        features: Tensor | None = None
        if needs.features is not None:
            features = self._encoders.image(needs.features, views)[None].to(self._device)
        return ImageBatch(pixels=pixels, size=SIZE, features=features, text=self._text)


@dataclass(frozen=True)
class Episode:
    """What came of an episode.

    Attributes:
        success: the goal came to hold.
        steps: taken until then, or all.
        acting, simulating: seconds that the actor and the simulator took.
    """

    success: bool
    steps: int
    acting: float
    simulating: float


def play(environment: Environment, actor: Actor, state: int, horizon: int) -> Episode:
    """One episode from an initial state.

    Raises:
        UserError: the task has no initial state of that number, or an action that is none.
    """
    pictures = not isinstance(actor, Resting)
    start = time.perf_counter()
    seen = environment.reset(state, pictures=pictures)
    acting, steps = 0.0, 0
    while steps < horizon and not seen.success:
        before = time.perf_counter()
        action = actor.act(seen)
        acting += time.perf_counter() - before
        seen = environment.step(action, pictures=pictures)
        steps += 1
    whole = time.perf_counter() - start
    return Episode(seen.success, steps, acting, whole - acting)


def seed_of(episode: int, seed: int = SEED) -> int:
    """Of the episode's noise: as published for 10 environments side by side, each in turn."""
    return seed + episode % ENVIRONMENTS * APART + episode // ENVIRONMENTS


def case(of: Task, episode: int, horizon: int, seed: int = SEED) -> Case:
    """An episode as a case of a suite: no points, what is judged is whether the goal comes to hold.

    Its scene is the task; about: suite, task, number, initial_state, seed, horizon.
    """
    nothing = np.zeros((horizon, 0, 2), np.float32), np.zeros((horizon, 0), bool)
    future = Tracks(*nothing, SIZE, fps=FPS)
    return Case(
        id=f"{of.suite}/{of.name}/{episode:02}",
        group=of.suite,
        scene=f"{of.suite}/{of.name}",
        history=future.window(0, 1),
        truths=(future,),
        text=of.language,
        about={
            "suite": of.suite,
            "task": of.name,
            "number": of.index,
            "initial_state": episode,
            "seed": seed_of(episode, seed),
            "horizon": horizon,
        },
    )


def facts(case: Case, protocol: Mapping[str, Any]) -> CaseFacts:
    """Of an episode: what it is of, no numbers, and no picture."""
    nothing = np.zeros((0, 0, 2), np.float16)
    return CaseFacts(
        id=case.id,
        group=case.group,
        scene=case.scene,
        kind=case.kind,
        about=dict(case.about),
        size=case.size,
        history_frames=1,
        horizon=case.horizon,
        futures=0,
        opponent="",
        scalars={},
        curves={},
        features={},
        picked=np.zeros(0, np.int64),
        shown=np.zeros(0, np.int64),
        history=nothing,
        truth=nothing,
    )


def refuses(contestant: Contestant, case: Case) -> str | None:
    """Why a contestant cannot act, or None: baselines of points cannot, but one that stands can."""
    if contestant.name == "constant_position":
        return None
    forecaster = getattr(contestant, "forecaster", None)
    return NOT_A_POLICY if forecaster is None or _with_policy(forecaster) is None else None


def _with_policy(forecaster: Forecaster) -> ZipMoLibero | None:
    system: object = forecaster.system
    return system if isinstance(system, ZipMoLibero) and system.policy is not None else None


def measure(contestant: Contestant, case: Case, protocol: Mapping[str, Any]) -> Result:
    """One rollout: `success` (0 or 1), `steps`; cost: seconds in all, and of the policy alone.

    Raises:
        UserError: no such task, or a policy that fails.
        MissingExtraError: LIBERO is not installed.
    """
    about = case.about
    actor: Actor = Resting()
    if contestant.name != "constant_position":
        forecaster = contestant.forecaster  # type: ignore[attr-defined]  # `refuses` saw to it
        actor = Policy(forecaster, case.text or "", about["seed"])
    start = time.process_time()
    with Environment(task(about["suite"], str(about["number"]))) as environment:
        episode = play(environment, actor, about["initial_state"], about["horizon"])
    return Result(
        scalars={"success": float(episode.success), "steps": float(episode.steps)},
        cost={
            "seconds": episode.acting + episode.simulating,
            "cpu_seconds": time.process_time() - start,
            "policy_seconds": episode.acting,
        },
    )
