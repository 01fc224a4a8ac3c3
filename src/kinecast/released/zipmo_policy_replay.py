"""Recorded cases of ZipMo's image encoder, LIBERO planners and policies, replayed with ours.

Recorded velocities run from data to noise; ours from noise to data, so that theirs at t is minus
ours at 1 - t.
"""

from functools import partial

import torch
from torch import Tensor

from kinecast.encoders.dinov2_keys import find_vit, to_vit, vit_keys
from kinecast.flow.guidance import guided
from kinecast.flow.sampler import euler, uniform_times
from kinecast.io.checkpoint import load_into
from kinecast.nn.vit import ViT, ViTConfig, fit_square, imagenet
from kinecast.released import zipmo_policy
from kinecast.released.case import Case, Named
from kinecast.systems.base import ImageBatch
from kinecast.systems.zipmo.latents import denormalise
from kinecast.systems.zipmo.libero import by_view
from kinecast.systems.zipmo.libero_system import ZipMoLibero
from kinecast.systems.zipmo.policy import policy_loss
from kinecast.systems.zipmo.rollout import Rollout

GUIDANCE = 2.0  # of the case's sampled_latents_cfg2


def replay_encoder(case: Case) -> dict[str, Tensor]:
    """The outputs of a case of kind "encoder"."""
    c = _config(case)
    tensors = case.weights("dino")
    layout, prefix = find_vit(tensors)
    published = {key.removeprefix(prefix): value for key, value in tensors.items()}
    side = round((published[layout.stem["position"]].shape[1] - 1) ** 0.5)
    config = ViTConfig(
        width=c["embed_dim"],
        depth=c["depth"],
        heads=c["heads"],
        patch=c["patch"],
        registers=c["registers"],
        side=side,
        antialias=c["interpolate_antialias"],
        offset=c["interpolate_offset"],
    )
    vit = ViT(config)
    load_into(vit, to_vit(vit_keys(config, layout), published), str(case.folder))
    image = fit_square(case.inputs["images_bhwc_pm1"].permute(0, 3, 1, 2), c["model_size"])
    tokens = vit(imagenet((image + 1) / 2))
    cells = c["model_size"] // c["patch"]
    return {
        "resized": image,
        "pos": vit.positions(cells, cells),
        "cls": tokens.cls,
        "patch": tokens.patches,
        "reg": tokens.registers,
    }


def replay_policy(case: Case) -> dict[str, Tensor]:
    """The outputs of a case of kind "policy"."""
    c, given = _config(case), case.inputs
    released = zipmo_policy.read({"recorded": case.weights("policy")}, {})
    model = ZipMoLibero.from_config(released.model).eval()
    load_into(model, released.state, str(case.folder))
    views = model.config.planner.views
    tokens = next(v for k, v in given.items() if k.startswith("start_emb")).unflatten(
        0, (-1, views)
    )
    replay = _Replay(model, tokens, given)

    start = given["start_t"] if model.config.planner.start_time else None
    starts = {"none": None} if start is None else {"int": start, "float": start.float()}
    times = uniform_times(c["nfe"])
    conditional, free = replay.velocity(given["txt"], start), replay.velocity(None, start)
    z = euler(conditional, given["z"], times)
    frames = case.outputs["tracks"].shape[-2]
    actions = model.actions(z, given["proprio"])
    position = model.vae.position[:, 1:]
    assert model.policy is not None
    return {
        **{f"x_cross_{k}": model.planner.instruction(given["txt"], s) for k, s in starts.items()},
        **{f"velocity_start_t_{k}": replay.once(given["txt"], s) for k, s in starts.items()},
        "velocity_txt5": replay.once(given["txt5"], start),
        "velocity_uncond": replay.once(None, start),
        "sampled_latents": z,
        "sampled_latents_cfg2": euler(guided(conditional, free, GUIDANCE), given["z"], times),
        "tracks": replay.tracks(z, frames),
        "cross_tokens": model.policy.context(z, given["proprio"]),
        "cross_pos": model.policy.positions(position),
        "actions_pred": actions,
        "policy_loss": policy_loss(actions, given["actions_gt"], c["temp_disc_fac"]),
        **replay.rollout(c["nfe"], c["temp_disc_fac"]),
    }


class _Replay:
    """A model with the recorded image tokens."""

    def __init__(self, model: ZipMoLibero, tokens: Tensor, given: dict[str, Tensor]) -> None:
        self.model, self.tokens, self.given = model, tokens, given

    def velocity(self, text: Tensor | None, start: Tensor | None) -> partial[Tensor]:
        planner = self.model.planner
        if text is None:
            instruction = planner.no_instruction(len(self.tokens), start)
        else:
            instruction = planner.instruction(text, start)
        context = planner.context(self.tokens, instruction, self.model.vae.position)
        return partial(planner, context=context)

    def once(self, text: Tensor | None, start: Tensor | None) -> Tensor:
        return -self.velocity(text, start)(self.given["z"], 1 - self.given["t"])

    def tracks(self, z: Tensor, frames: int) -> Tensor:
        """Of all queries of a view jointly, as recorded."""
        queries, vae = self.given["query_yx"], self.model.vae
        latents = denormalise(by_view(z, queries.shape[1]))
        contexts = vae.contexts(self.tokens.flatten(0, 1))
        return vae.decode(latents, queries.flatten(0, 1), frames, contexts).unflatten(
            0, queries.shape[:2]
        )

    def rollout(self, steps: int, discount: float) -> dict[str, Tensor]:
        b, v = self.tokens.shape[:2]
        pixels = torch.zeros(b, v, 1, 1, 3, dtype=torch.uint8)  # their tokens are given
        seen = ImageBatch(pixels, (1, 1), features=self.tokens, text=self.given["txt"])
        rollout = Rollout(self.model, steps, discount)
        taken, predicted = [], []
        for noise, robot in zip(
            self.given["rollout_noise"], self.given["rollout_proprio"], strict=True
        ):
            taken.append(rollout.act(seen, robot, noise))
            predicted.append(rollout.average.predictions[-1])
        return {
            "rollout_actions": torch.stack(taken),
            "rollout_raw_predictions": torch.stack(predicted),
        }


def _config(case: Case) -> Named:
    assert case.config is not None
    return case.config
