"""Small files under the names that the authors publish theirs under, here and on a hub."""

import image_models
import trajloom_files
from hub_stand_in import StandIn

from kinecast.released.conversion import export_files

SETTINGS = {  # of import-weights -> the authors' file
    "config": "trajloom_generator_config.json",
    "predictor": "vis_predictor_config.json",
    "stats": "vae_latent_stats.json",
}


def trajloom(folder):
    """TrajLoom's weights and settings; returns all paths."""
    paths = trajloom_files.save(folder, trajloom_files.tensors())
    for name, path in trajloom_files.settings(folder).items():
        (folder / path).rename(folder / SETTINGS[name])
    return [*paths, *(folder / name for name in SETTINGS.values())]


def hub(folder):
    """A hub with a planner of ZipMo, and nobody else's."""
    image_models.zipmo(folder / "ours")
    (planner,) = export_files(folder / "ours", folder / "theirs")
    files = {"README.md": b"# ZipMo\n", "zipmo_planner_sparse.safetensors": planner.read_bytes()}
    return StandIn(files, repository="CompVis/ZipMo")
