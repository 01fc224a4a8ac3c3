"""What a forecast costs, and that the straightforward velocity is the cached one."""

import json

import pytest
import torch
from tiny_systems import KINDS, tiny_system

from kinecast.bench.example import example
from kinecast.bench.sizes import SIZES, random_weights
from kinecast.bench.speed import Meter, speed, table, to_json
from kinecast.bench.uncached import uncached_velocity
from kinecast.core import rng
from kinecast.core.errors import UserError
from kinecast.forecast.prepare import prepare

CPU = torch.device("cpu")
STAGES = [
    "condition", "velocity_uncached", "velocity", "encode", "decode", "sample_1", "sample_8",
]  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
@torch.inference_mode()
def test_reuse_changes_no_number(name):
    system = tiny_system(name)
    clip = example(system.needs, CPU)
    cond = system.condition(clip.given)
    z, t = rng.sample_noise(0, range(2), system.latent_shape(cond)), torch.tensor([0.2, 0.7])
    cached = system.velocity(z, t, cond)
    anew = uncached_velocity(system, clip.given)(z, t)
    torch.testing.assert_close(anew, cached, rtol=0, atol=1e-5 * float(cached.abs().max()))


def test_a_system_without_a_straightforward_velocity_is_named():
    with pytest.raises(TypeError, match="velocity of Linear is written down"):
        uncached_velocity(torch.nn.Linear(1, 1), None)


def test_every_stage_is_measured_and_reuse_saves_work(monkeypatch):
    monkeypatch.setattr("kinecast.core.flops.REPEATS", 2)
    result = speed(prepare(tiny_system("whn"), CPU), CPU, steps=3)
    assert list(result.stages) == STAGES
    for stage in result.stages.values():
        assert min(stage.seconds, stage.cpu_seconds, stage.gflop, stage.share) > 0
        assert stage.peak_memory_bytes > result.weights_bytes
    work = {name: stage.gflop for name, stage in result.stages.items()}
    assert work["velocity_uncached"] > 1.1 * work["velocity"]
    once = work["condition"] + 3 * work["velocity"] + work["decode"]
    assert work["sample_1"] == pytest.approx(once)
    assert work["sample_8"] < 8 * work["sample_1"]
    assert result.uncached_deviation < 1e-5
    plain = json.loads(json.dumps(to_json(result), allow_nan=False))
    assert plain["stages"]["velocity"]["gflop"] == work["velocity"]
    lines = table(result).splitlines()
    assert [line.split()[0] for line in lines[2 : 2 + len(STAGES)]] == STAGES


def test_operations_are_those_of_the_products():
    meter = Meter(CPU, "fp32")
    a, b = torch.zeros(30, 40), torch.zeros(40, 50)
    assert meter("product", lambda: a @ b).gflop == pytest.approx(2 * 30 * 40 * 50 / 1e9)
    query = torch.zeros(1, 2, 30, 8)
    attend = torch.nn.functional.scaled_dot_product_attention
    with torch.inference_mode():
        stage = meter("attention", lambda: attend(query, query, query))
    assert stage.gflop == pytest.approx(2 * 2 * 2 * 30 * 30 * 8 / 1e9)


@pytest.mark.parametrize("name", SIZES)
def test_every_published_size_builds_and_has_an_example(name):
    with torch.device("meta"):
        system = SIZES[name]()
    millions = sum(p.numel() for p in system.parameters()) / 1e6
    assert 5 < millions < 1200
    clip = example(system.needs, CPU)
    assert clip.future.xy.shape[1] == system.needs.frames


def test_an_unknown_size_names_the_nearest():
    with pytest.raises(UserError, match=r"got 'whnb'.*whn-b"):
        random_weights("whnb")
