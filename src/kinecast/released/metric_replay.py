"""Replay of recorded metrics: FVMD, TAP-Vid, ZipMo's evaluation, rank, and formulas of papers.

What a case records is told by the names of its arrays; the numbers are nested in outputs.json.
"""

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.metrics import best_of_k, diversity, fvmd, fvmd_scene, tapvid
from kinecast.metrics.displacement import ade, fde
from kinecast.metrics.frechet import frechet
from kinecast.metrics.lost import filled
from kinecast.metrics.low_rank_loss import low_rank_loss
from kinecast.metrics.lrtl import lrtl
from kinecast.metrics.min_ade import min_ade, min_fde
from kinecast.metrics.motion_histogram import acceleration, histogram, velocity
from kinecast.metrics.pck import pck
from kinecast.metrics.poke_epe import poke_epe
from kinecast.metrics.resample import same_length
from kinecast.metrics.sample_mse import FRAME, sample_errors
from kinecast.metrics.scene_variance import scene_variance
from kinecast.metrics.tapvid import THRESHOLDS

Arrays = Mapping[str, np.ndarray]
Numbers = dict[str, Any]  # nested as in outputs.json
LOOSE_EPS = 1e-2  # of the second recorded Frechet distance


class Kind(NamedTuple):
    """What is recorded: the arrays that tell it, how it is replayed, and how exact it must be."""

    arrays: set[str]
    replay: Callable[[Arrays, Numbers], Numbers]
    tolerance: dict[str, Any]


def kind_of(arrays: Arrays) -> Kind:
    """The kind of case that has such arrays.

    Raises:
        UserError: none.
    """
    names = set(arrays) | ({"v*_gt"} if any(re.fullmatch(r"v\d+_gt", a) for a in arrays) else set())
    for kind in KINDS:
        if kind.arrays <= names:
            return kind
    raise UserError(f"expected arrays of a recorded metric, got {', '.join(arrays) or 'none'}")


def _sets(inputs: Arrays, recorded: Numbers) -> Numbers:
    truth, ours = inputs["gt_tracks"], inputs["gen_tracks"]
    if truth.ndim == 5:
        return _scenes(truth, ours)
    a, b = fvmd.features(truth), fvmd.features(ours)
    both, terms = fvmd.distance(b, a), frechet(a.combined, b.combined)
    values = {
        "feature_dim": a.combined.shape[1],
        "fvmd_velocity": both.velocity,
        "fvmd_acceleration": both.acceleration,
        "fvmd_combined": both.combined,
        "fvmd_combined_swapped": fvmd.distance(a, b).combined,
        "mu_gt_sum": a.combined.mean(0).sum(),
        "mean_term": terms.means,
        "tr_cov_gt": terms.spread_a,
        "tr_cov_gen": terms.spread_b,
    }
    v = velocity(_square(truth))
    values["hist_shape"] = histogram(v).shape
    fields = {"velocity_gt": v, "acceleration_gt": acceleration(v)}
    histograms = {
        "hist_v_gt": histogram(v),
        "hist_a_gen": histogram(acceleration(velocity(_square(ours)))),
    }
    for name, array in (fields | histograms).items():
        if name in inputs:  # of the first clips
            some = array[: len(inputs[name])]
            values[name] = some.reshape(inputs[name].shape) if name in fields else some
    return values


def _scenes(truth: np.ndarray, ours: np.ndarray) -> Numbers:
    scenes = fvmd_scene.fvmd_scene(ours, truth)
    return {
        "per_scene": [scene.combined for scene in scenes.each],
        "fvmd_scene_mean": scenes.mean.combined,
        "fvmd_pooled": fvmd.fvmd(_pooled(ours), _pooled(truth)).combined,
    }


def _histogram(inputs: Arrays, recorded: Numbers) -> Numbers:
    return {"hist": histogram(_square(inputs["vectors"]))}


def _frechet(inputs: Arrays, recorded: Numbers) -> Numbers:
    a, b = inputs["feat_a"], inputs["feat_b"]
    return {
        "fd": frechet(a, b).distance,
        "fd_eps_1e_2": frechet(a, b, LOOSE_EPS).distance,
        "fd_self": frechet(a, a).distance,
    }


def _tapvid(inputs: Arrays, recorded: Numbers) -> Numbers:
    mode = recorded["query_mode"]
    score = partial(
        tapvid.tapvid,
        inputs["query_points"][..., 0],
        inputs["gt_occluded"],
        inputs["gt_tracks"],
        inputs["pred_occluded"],
        inputs["pred_tracks"],
        mode=mode,
    )
    scores = score()
    # WHN's copy divides each video's right flags by the evaluated flags of the whole batch.
    frames = np.arange(inputs["gt_occluded"].shape[-1])
    query = np.round(inputs["query_points"][..., :1])
    counts = (frames > query if mode == "first" else frames != query).sum((1, 2))
    pooled = scores["occlusion_accuracy"] * counts / max(counts.sum(), 1)
    return {
        "tapnet": scores,
        "tapnet_trackwise": score(trackwise=True),
        "whn_cotracker_copy": {**scores, "occlusion_accuracy": pooled},
    }


def _queries(inputs: Arrays, recorded: Numbers) -> Numbers:
    hidden, xy = inputs["occluded"], inputs["points_xy_px"]
    stride = int(recorded.get("query_stride", tapvid.QUERY_STRIDE))
    found = {
        "first": tapvid.first_queries(hidden, xy),
        "strided": tapvid.strided_queries(hidden, xy, stride),
    }
    values: Numbers = {"query_stride": stride}
    for protocol, (points, index) in found.items():
        values |= {
            f"{protocol}_query_points": points[None],
            f"{protocol}_target_points": xy[index][None],
            f"{protocol}_occluded": hidden[index][None],
        }
    return {**values, "strided_trackgroup": found["strided"][1][None]}


def _zipmo(inputs: Arrays, recorded: Numbers) -> Numbers:
    clips = []
    for name in sorted(inputs):
        if re.fullmatch(r"v\d+_gt", name):
            truth = torch.from_numpy(inputs[name])
            forecast = torch.from_numpy(inputs[name.replace("_gt", "_pred")])
            forecast = forecast[: int(recorded["k_used"])]
            clips.append((filled(forecast, truth) if recorded["inpaint_nans"] else forecast, truth))

    def each(names: Mapping[str, Any], **options: Any) -> Numbers:
        return {n: [_of_samples(n, *clip, **options) for clip in clips] for n in names}

    values: Numbers = {"k_used": recorded["k_used"]}
    for name, section in recorded.items():
        shape = re.search(r"_(\d+)x(\d+)$", name)
        if shape:  # means over clips, in pixels of another frame, first coordinate y
            frame = int(shape[1]), int(shape[2])
            values[name] = {n: np.mean(v) for n, v in each(section, frame=frame).items()}
        elif isinstance(section, Mapping) and "results" in section:
            pokes = re.search(r"-(\d+)_pokes$", name)
            options = {"pokes": int(pokes[1]) if pokes else None}
            values[name] = {
                part: _with_means(each(results["per_video"], relative=relative, **options))
                for part, relative in (("results", False), ("results_normalized", True))
                if (results := section.get(part))
            }
        elif isinstance(section, Mapping):
            values[name] = each(section)
    return values


def _with_means(each: Numbers) -> Numbers:
    means = {n: np.mean(v) for n, v in each.items() if not n.startswith("Min_Idx")}
    return {"per_video": each, "mean": means}


def _of_samples(
    name: str,
    forecast: Tensor,
    truth: Tensor,
    *,
    relative: bool = False,
    pokes: int | None = None,
    frame: tuple[int, int] = FRAME,
) -> float:
    """One of ZipMo's numbers of one clip."""
    if name == "EPE":
        count = len(truth) if pokes is None else min(pokes, len(truth))
        return float(poke_epe(forecast, truth, count, frame))
    if name in ("std_diversity", "diversity_pairwise"):
        samples, _ = same_length(forecast, truth)
        if name == "diversity_pairwise":
            return float(diversity.pairwise_distance(samples, frame))
        return float(diversity.deviation(samples, frame)) if len(samples) > 1 else math.nan
    power = 1 if name.endswith("L1") else 2
    e = sample_errors(forecast, truth, power=power, relative=relative, frame=frame)
    values = {"MeanT": e.mean_track, "Mean": e.mean, "Min": e.best.error}
    if name.startswith("Min_Idx"):
        return e.best.sample
    which = name.partition("_")[0]
    if which not in values:
        raise UserError(f"expected a number of ZipMo's evaluation that is known, got {name}")
    return float(values[which])


def _rank(inputs: Arrays, recorded: Numbers) -> Numbers:
    arrays = {name: torch.from_numpy(inputs[name]) for name in ("tracks", "coord", "masks")}
    degrees = int(recorded["dof"])
    loss = low_rank_loss(arrays["tracks"], arrays["coord"], arrays["masks"], degrees)
    residual = {}
    for name, centred in (("raw", False), ("centred", True)):
        clips = zip(inputs["tracks"], inputs["labels"], strict=True)
        each = [r for xy, of in clips for r in lrtl(xy, of, centred=centred).values()]
        residual[name] = {"per_object": each, "mean": np.mean(each)}
    return {
        "official_svdvals_loss": float(loss),
        "dof": degrees,
        "reference_rank5_residual": residual,
    }


def _formulas(inputs: Arrays, recorded: Numbers) -> Numbers:
    columns: dict[str, list[Any]] = {}
    for futures, samples in zip(_pointwise(inputs["gt"]), _pointwise(inputs["pred"]), strict=True):
        # Pixels of the frame that PCK counts in; futures are visible everywhere.
        seen = np.ones(futures.shape[1:3], bool)
        truth = Tracks(xy=futures[0], visible=seen, size=tapvid.FRAME)
        everything = np.ones(truth.count, bool)
        scene = {
            "best_of_k_pairs_mean_of_coords": best_of_k.best_of_k(samples, futures),
            "best_of_k_pairs_sqdist": best_of_k.best_of_k(samples, futures, "sqdist"),
            "best_of_k_pairs_l2": best_of_k.best_of_k(samples, futures, "distance"),
            "best_of_k_coverage_sqdist": best_of_k.nearest_sample(samples, futures, "sqdist"),
            "scene_sample_variance": scene_variance(samples),
            "epe_all": ade(samples[0], truth, everything),
            "epe_endpoint": fde(samples[0], truth, everything),
            "minADE": min_ade(samples, truth),
            "minFDE": min_fde(samples, truth),
        }
        shares = pck(samples[0], truth)
        scene |= {f"pck.{d}": shares[f"pck_{d}"] for d in THRESHOLDS}
        for name, value in {**scene, "pck_delta_avg": shares["delta_avg"]}.items():
            columns.setdefault(name, []).append(value)
    return dict(columns)


def _square(x: np.ndarray) -> np.ndarray:
    side = round(x.shape[2] ** 0.5)
    return x.reshape(*x.shape[:2], side, side, 2)


def _pooled(scenes: np.ndarray) -> np.ndarray:
    return scenes.reshape(-1, *scenes.shape[2:])


def _pointwise(x: np.ndarray) -> np.ndarray:
    """(S, K, T, h, w, 2) -> (S, K, T, h w, 2)."""
    return x.reshape(*x.shape[:3], -1, 2)


# Tolerances as the README of the recorded cases states them.
DISTANCES = {
    "rel": 1e-5,
    "abs": 1e-2,  # of a set to itself
    "hist*": {"abs": 1e-6},
    "velocity_gt": {"abs": 1e-6},
    "acceleration_gt": {"abs": 1e-6},
}
KINDS = (
    Kind({"gt_tracks", "gen_tracks"}, _sets, DISTANCES),
    Kind({"vectors", "hist"}, _histogram, {"abs": 1e-6}),
    Kind({"feat_a", "feat_b"}, _frechet, {"rel": 1e-6, "abs": 1e-4}),
    Kind({"query_points", "gt_occluded"}, _tapvid, {"abs": 1e-9}),
    Kind({"occluded", "points_xy_px"}, _queries, {"exact": True}),
    Kind({"v*_gt"}, _zipmo, {"rel": 1e-4, "*Min_Idx*": {"exact": True}}),
    Kind({"tracks", "masks"}, _rank, {"rel": 1e-5}),
    Kind({"gt", "pred"}, _formulas, {"rel": 1e-6}),
)
