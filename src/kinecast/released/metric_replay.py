"""Replay of recorded metrics: FVMD, TAP-Vid, ZipMo's evaluation, rank, and formulas of papers.

What a case records is told by the names and axes of its arrays; the numbers are nested in
outputs.json. A replay gives every number that the authors' code gives, whichever were recorded.
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
from kinecast.released.metric_layout import Layout, has

Arrays = Mapping[str, np.ndarray]
Numbers = dict[str, Any]  # nested as in outputs.json
LOOSE_EPS = 1e-2  # of the second recorded Frechet distance


class Kind(NamedTuple):
    """What is recorded: the arrays that went in, how it is replayed, how exact it must be."""

    layout: Layout
    replay: Callable[[Arrays, Numbers], Numbers]
    tolerance: dict[str, Any]


def kind_of(arrays: Arrays) -> Kind:
    """The kind of case that has such arrays.

    Raises:
        UserError: none.
    """
    for kind in KINDS:
        if has(arrays, kind.layout):
            return kind
    raise UserError(f"expected arrays of a recorded metric, got {', '.join(arrays) or 'none'}")


def _sets(inputs: Arrays, recorded: Numbers) -> Numbers:
    truth, ours = inputs["gt_tracks"], inputs["gen_tracks"]
    a, b = fvmd.features(truth), fvmd.features(ours)
    both, terms = fvmd.distance(b, a), frechet(a.combined, b.combined)
    values = {
        "feature_dim": a.combined.shape[1],
        "fvmd_velocity": both.velocity,
        "fvmd_acceleration": both.acceleration,
        "fvmd_combined": both.combined,
        "fvmd_combined_swapped": fvmd.distance(a, b).combined,
        "mu_gt_sum": a.combined.mean(0).sum(),
        "mu_gen_sum": b.combined.mean(0).sum(),
        "mean_term": terms.means,
        "tr_cov_gt": terms.spread_a,
        "tr_cov_gen": terms.spread_b,
    }
    for name, tracks in (("gt", truth), ("gen", ours)):
        v = velocity(_square(tracks))
        if name == "gt":
            values["hist_shape"] = histogram(v).shape
        arrays = {"velocity": v, "acceleration": acceleration(v)}
        for field, array in arrays.items():
            values[f"{field}_{name}"] = array.reshape(tracks.shape)
            values[f"hist_{field[0]}_{name}"] = histogram(array)
    for name in values.keys() & inputs.keys():  # recorded of the first clips
        values[name] = values[name][: len(inputs[name])]
    return values


def _scenes(inputs: Arrays, recorded: Numbers) -> Numbers:
    truth, ours = inputs["gt_tracks"], inputs["gen_tracks"]
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
        **{f"mu_{name}": x.mean(0) for name, x in (("a", a), ("b", b))},
        **{f"cov_{name}": np.cov(x, rowvar=False) for name, x in (("a", a), ("b", b))},
    }


def _tapvid(inputs: Arrays, recorded: Numbers) -> Numbers:
    mode = recorded["query_mode"]
    query, hidden = inputs["query_points"][..., 0], inputs["gt_occluded"].astype(bool)
    score = partial(
        tapvid.tapvid,
        query,
        hidden,
        inputs["gt_tracks"],
        inputs["pred_occluded"].astype(bool),
        inputs["pred_tracks"],
        mode=mode,
    )
    scores = score()
    # WHN's copy divides each video's right flags by the evaluated flags of the whole batch.
    counts = tapvid.counted(query, hidden.shape[-1], mode).sum((1, 2))
    right = np.where(counts > 0, scores["occlusion_accuracy"] * counts, 0)
    pooled = right / counts.sum() if counts.sum() else np.full(len(counts), np.nan)
    return {
        "tapnet": scores,
        "tapnet_trackwise": score(trackwise=True),
        "whn_cotracker_copy": {**scores, "occlusion_accuracy": pooled},
    }


def _queries(inputs: Arrays, recorded: Numbers) -> Numbers:
    hidden, xy = inputs["occluded"].astype(bool), inputs["points_xy_px"]
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
    numbers = (re.fullmatch(r"v(\d+)_gt", name) for name in inputs)
    for video in sorted((n[1] for n in numbers if n), key=int):
        truth = torch.from_numpy(inputs[f"v{video}_gt"])
        forecast = torch.from_numpy(inputs[f"v{video}_pred"])[: int(recorded["k_used"])]
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
    both = (_pointwise(inputs[name].astype(np.float32)) for name in ("gt", "pred"))
    for futures, samples in zip(*both, strict=True):
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
    side = math.isqrt(x.shape[2])
    if side**2 != x.shape[2]:
        raise UserError(f"expected points on a square grid, got {x.shape[2]}")
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
BATCH, CLIP = "float b t n 2", r"v(\d+)"
TAPVID = {
    "query_points": "float b n 3",
    "gt_occluded": "flag b n t",
    "gt_tracks": "float b n t 2",
    "pred_occluded": "flag b n t",
    "pred_tracks": "float b n t 2",
}
RANK = {
    "tracks": BATCH,
    "coord": "float b 1 n 2",
    "masks": "float b m h w",
    "labels": "int b n",
}
KINDS = (
    Kind({"gt_tracks": BATCH, "gen_tracks": "float m t n 2"}, _sets, DISTANCES),
    Kind({"gt_tracks": "float s g t n 2", "gen_tracks": "float s k t n 2"}, _scenes, DISTANCES),
    Kind({"vectors": BATCH}, _histogram, {"abs": 1e-6}),
    Kind({"feat_a": "float m d", "feat_b": "float n d"}, _frechet, {"rel": 1e-6, "abs": 1e-4}),
    Kind(TAPVID, _tapvid, {"abs": 1e-9}),
    Kind({"occluded": "flag n t", "points_xy_px": "float n t 2"}, _queries, {"exact": True}),
    Kind(
        {f"{CLIP}_gt": "float n s 2", f"{CLIP}_pred": "float k n t 2"},
        _zipmo,
        {"rel": 1e-4, "*Min_Idx*": {"exact": True}},
    ),
    Kind(RANK, _rank, {"rel": 1e-5}),
    Kind({"gt": "float s g t h w 2", "pred": "float s k t h w 2"}, _formulas, {"rel": 1e-6}),
)
