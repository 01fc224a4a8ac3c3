"""The generator, the samplers and the visibility predictor against the published ones."""

import pytest
import torch
from trajloom_cases import Case, generator, visibility

from kinecast.flow.sampler import SAMPLERS, euler, uniform_times
from kinecast.systems.trajloom.boundary import anchored
from kinecast.systems.trajloom.visibility import expand

STREAMS = {  # visibility, video, text
    "v_full": (True, True, True),
    "v_no_vis": (False, True, True),
    "v_no_video": (True, False, True),
    "v_no_text": (True, True, False),
    "v_hist_only": (False, False, False),
}


@pytest.mark.parametrize("name", ["generator", "generator_variant"])
@torch.no_grad()
def test_velocity_under_every_conditioning(name):
    case = Case(name)
    network = generator(case.weights("velocity"), case.config["generator"])
    x = case.inputs
    for output, (seen, video, text) in STREAMS.items():
        context = network.context(
            x["z_hist_track"],
            x["hist_vis"] if seen else None,
            x["z_hist_video"] if video else None,
            x["text_cond"] if text else None,
        )
        case.check(output, network(x["z_t"], x["t"], context))


@pytest.fixture(scope="module")
def sampling():
    """The case, and velocities with and without history visibility."""
    case = Case("sampler")
    network = generator(case.weights("velocity"), case.config["generator"])
    x = case.inputs

    def velocity_given(seen):
        with torch.no_grad():
            context = network.context(x["z_hist"], seen, x["z_video"], x["text_cond"])
        return lambda z, t: network(z, t, context)

    return case, velocity_given(x["hist_vis"]), velocity_given(None)


def test_euler_visits_the_published_states(sampling):
    case, seeing, _ = sampling
    times = uniform_times(10)
    case.check("t_eval", times)
    states = [case.inputs["z0"]]
    for step in range(10):
        states.append(euler(seeing, states[-1], times[step : step + 2]))
    case.check("euler10_vis_traj", torch.stack(states))
    case.check("euler10_vis", euler(seeing, case.inputs["z0"], times))


@pytest.mark.parametrize(
    ("output", "solver", "steps"),
    [
        ("euler10_novis", "euler", 10),
        ("midpoint5_novis", "midpoint", 5),
        ("rk4_5_novis", "rk4", 5),
        ("dopri5_novis", "dopri5", 10),
    ],
)
def test_solvers(sampling, output, solver, steps):
    case, _, velocity = sampling
    case.check(output, SAMPLERS[solver](velocity, case.inputs["z0"], uniform_times(steps)))


def test_source_of_seed_42_and_where_it_ends(sampling):
    case, _, velocity = sampling
    source = published_source(case.inputs["z_hist"], seed=42)
    case.check("z0_seed42_anchor_first", source)
    case.check("euler10_seed42", euler(velocity, source, uniform_times(10)))


def test_first_latent_held(sampling):
    case, velocity, _ = sampling
    first = torch.arange(5).view(1, 5, 1, 1) == 0
    pin = (first, case.inputs["z_hist"][:, -1:])
    case.check("euler10_fixfirst", euler(velocity, case.inputs["z0"], uniform_times(10), pin))


def test_masked_velocity(sampling):
    case, velocity, _ = sampling
    mask = case.inputs["vel_mask"][..., None]
    end = euler(lambda z, t: mask * velocity(mask * z, t), case.inputs["z0"], uniform_times(10))
    case.check("euler10_velmask", end)


@torch.no_grad()
def test_visibility_predictor():
    case = Case("visibility")
    network = visibility(case.weights("visibility"), case.config["predictor"])
    logits = network(case.inputs["z_fut"])
    case.check("logits", logits)
    case.check("prob_frames", expand(logits.sigmoid(), case.config["temp_stride"], 17))


def published_source(history, seed):
    """The published draws: all steps, then the first step's once more."""
    draws = torch.Generator().manual_seed(seed)
    noise = torch.randn(history.shape, generator=draws)
    noise[:, :1] = torch.randn(history[:, :1].shape, generator=draws)
    return anchored(noise, history[:, -1])
