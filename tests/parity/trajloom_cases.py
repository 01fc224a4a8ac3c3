"""Recorded cases of the published TrajLoom networks, and our networks with their weights."""

import json
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from kinecast.released import rules, trajloom
from kinecast.released.trajloom_dense import DenseVAE
from kinecast.systems.trajloom.generator import Generator
from kinecast.systems.trajloom.visibility import VisibilityPredictor

CASES = Path(__file__).parent / "cases" / "trajloom"


class Case:
    def __init__(self, name):
        self.folder = CASES / name
        self.about = json.loads((self.folder / "case.json").read_text())
        self.config = json.loads((self.folder / self.about["config"]).read_text())
        self.inputs = self._arrays("inputs")
        self.outputs = self._arrays("outputs")

    def _arrays(self, kind):
        with np.load(self.folder / self.about[kind]) as arrays:
            return {name: torch.from_numpy(value) for name, value in arrays.items()}

    def weights(self, role):
        return load_file(self.folder / self.about["weights"][role])

    def check(self, name, value):
        expected, tolerance = self.outputs[name], self.about["tolerance"]
        own = next((tolerance[key] for key in tolerance if fnmatch(name, key)), tolerance)
        assert value.shape == expected.shape
        if own.get("exact"):
            assert torch.equal(value.to(expected.dtype), expected)
            return
        deviation = (value.double() - expected.double()).abs().max().item()
        assert deviation <= own["abs"], f"{name} is off by {deviation}"


def dense_vae(weights, section):
    config, patch, offsets = trajloom.vae_config(section)
    vae = DenseVAE(config, patch, offsets=offsets)
    vae.load_state_dict(rules.to_ours(trajloom.vae_rules(vae), weights))
    return vae.eval()


def generator(weights, section):
    config = trajloom.generator_config(section)
    network = Generator(config)
    network.load_state_dict(rules.to_ours(trajloom.generator_rules(config), weights))
    return network.eval()


def visibility(weights, section):
    config = trajloom.visibility_config(section)
    network = VisibilityPredictor(config)
    network.load_state_dict(rules.to_ours(trajloom.visibility_rules(config), weights))
    return network.eval()
