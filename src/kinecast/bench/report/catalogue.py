"""The numbers of a report: what each is called, its unit, which way is better, and its table.

Names are those of `bench.measure` and of the set metrics here; docs/metrics.md says what they mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Better = Literal["lower", "higher", ""]


@dataclass(frozen=True)
class Metric:
    """A column.

    Attributes:
        name: in results, and in report.json.
        label, unit: as shown.
        better: which way, or "" where neither is: a size, or what stillness wins.
        times: factor of what is shown (papers print FlowTV x 100).
    """

    name: str
    label: str
    unit: str = ""
    better: Better = "lower"
    times: float = 1.0

    def heading(self) -> tuple[str, str]:
        """Label, and unit with direction."""
        arrow = {"lower": "↓", "higher": "↑", "": ""}[self.better]
        return self.label, f"{self.unit} {arrow}".strip()


@dataclass(frozen=True)
class Part:
    """A table of each group: its title, columns, and what to know of them."""

    title: str
    metrics: Sequence[Metric]
    note: str = ""


ERRORS = Part(
    "Errors",
    (
        Metric("mean_ade", "ADE, mean", "px"),
        Metric("best_ade", "ADE, best", "px"),
        Metric("sample_ade", "ADE, one", "px"),
        Metric("moving_mean_ade", "moving, mean", "px"),
        Metric("moving_best_ade", "moving, best", "px"),
        Metric("mean_fde", "FDE, mean", "px"),
        Metric("min_fde", "FDE, lowest", "px"),
        Metric("miss_rate", "missed", "share"),
        Metric("delta_avg", "delta_avg", "share", "higher"),
    ),
)
TESTED = tuple(m for m in ERRORS.metrics if m.name.endswith(("mean_ade", "best_ade")))
SAMPLES = Part(
    "The samples as a set",
    (
        Metric("energy_score", "energy score", "px"),
        Metric("crps", "CRPS", "px"),
        Metric("coverage_error", "coverage error", "share"),
        Metric("best_of_k_mse", "best of pairs", "px²"),
        Metric("nearest_sample_mse", "nearest sample", "px²"),
        Metric("scene_variance", "scene variance", "px²", ""),
    ),
    "Energy score and CRPS reward samples that are near the truth and as spread as it is. Coverage "
    "error: how far the share of the truth inside the samples' intervals is from what it should "
    "be. Variance is no virtue by itself; the best of pairs is won by stillness where one future "
    "is nearly still.",
)
SQUARED = Part(
    "Squared errors, and pokes",
    (
        Metric("min_mse", "Min MSE", "px² of 128"),
        Metric("mean_mse", "Mean MSE", "px² of 128"),
        Metric("mean_track_mse", "MeanT MSE", "px² of 128"),
        Metric("poke_epe", "EPE at pokes", "px of 128"),
    ),
    "As ATM and ZipMo measure them, in a frame of 128 x 128: of the best sample, of one on "
    "average, of the samples' mean; and how far poked points end from where they were sent.",
)
SETS = Part(
    "Motion as a distribution",
    (
        Metric("fvmd", "FVMD", "tracks"),
        Metric("fvmd_long", "FVMD-Long", "whole horizon"),
        Metric("fvmd_scene", "FVMD(S)", "per scene"),
        Metric("fvmd_scenes", "FVMD", "all scenes' futures"),
    ),
)
MOTION = Part(
    "Smoothness and rigidity, beside motion",
    (
        Metric("motion", "motion", "px a frame", ""),
        Metric("flow_tv", "FlowTV", "× 100", "", 100.0),
        Metric("flow_tv_of_motion", "FlowTV / motion", "", ""),
        Metric("divcurl", "DivCurlE", "× 1000", "", 1000.0),
        Metric("divcurl_of_motion", "DivCurlE / motion²", "", ""),
        Metric("lrtl", "LRTL", "px", ""),
        Metric("lrtl_of_motion", "LRTL / way", "share", ""),
    ),
    "A forecast that stands still wins FlowTV, DivCurlE and LRTL: read them beside motion. Divided "
    "by it they have no unit, and no value where nothing moves. Nothing is marked best: the last "
    "row is the truth's own, and what is far below it is too smooth.",
)
BOUNDARY = Part(
    "Where the forecast takes over",
    (
        MOTION.metrics[0],
        Metric("position_jump", "jump of position", "px", ""),
        Metric("velocity_jump", "jump of velocity", "px a frame", ""),
    ),
    "From the last frame seen to the first one forecast. The truth jumps, too: near its values is "
    "good, below them is too smooth.",
)
VISIBILITY = Part(
    "Visibility",
    (
        Metric("visibility_ap", "AP, seen", "share", "higher"),
        Metric("hidden_ap", "AP, hidden", "share", "higher"),
        Metric("visibility_f1", "F1, seen", "share", "higher"),
        Metric("visibility_calibration_error", "calibration error", "share"),
        Metric("visibility_brier", "Brier", "share"),
        Metric("average_jaccard", "AJ", "share", "higher"),
        Metric("occlusion_accuracy", "OA", "share", "higher"),
    ),
    "Calling everything visible wins AP and F1 of what is seen where little is hidden: "
    "read them beside AP of what is hidden.",
)
COST = Part(
    "Cost",
    (
        Metric("seconds", "time", "s a case"),
        Metric("cpu_seconds", "CPU time", "s a case"),
        Metric("peak_bytes", "peak memory", "GB", "", 1e-9),
    ),
    "On this machine, by the clock: not repeatable to the digit. Memory is that of the process.",
)
PARTS = (
    SAMPLES,
    SQUARED,
    MOTION,
    BOUNDARY,
    VISIBILITY,
)  # folded, in this order; sets and cost come after
KNOWN = {m.name: m for part in (ERRORS, *PARTS, SETS, COST) for m in part.metrics}
OWN = {  # of one suite alone
    m.name: m
    for m in (
        Metric("success", "success rate", "Wilson interval", "higher"),
        Metric("steps", "steps taken", "", ""),
        Metric("policy_seconds", "policy", "s a rollout", ""),
    )
}
RATES = ("success",)  # 0 or 1 a case
HIDDEN = ("pck_", "moving_", "divcurl_paper", "best_of_k_sqdist", "best_fde", "deviation",
          "pairwise_distance")  # in report.json alone  # fmt: skip
