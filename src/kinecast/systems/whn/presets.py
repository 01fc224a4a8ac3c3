"""The published models by name, for example ("kubric", "B").

Source: WHN, appendix (training details, tables of configurations).
"""

from dataclasses import replace

from kinecast.core.errors import UserError, did_you_mean
from kinecast.systems.whn.config import DenoiserConfig, Layout, VAEConfig, WHNConfig

SIZES = {  # width, heads, blocks
    "S": (192, 3, 8),
    "B": (384, 6, 12),
    "L": (768, 12, 16),
}
LAYOUTS = {
    "kubric": Layout((256, 256), 8.0, (0.5, 0.5), "dinov2-small", (224, 224)),
    "libero": Layout((128, 128), 2.0, (1.5, 1.5), "dinov2-large"),
    "physion": Layout((256, 256), 8.0, (2.5, 2.5), "dinov2-large"),
    "physics101": Layout((464, 256), 8.0, (2.5, 2.5), "dinov2-large"),
    "cityscapes": Layout((448, 224), 4.0, (2.5, 2.5), "dinov2-large"),
}
LIBERO_SCALES = {  # published standard deviations of latents; Kubric's are not
    "libero-atm": (
        *(1.213627, 2.053186, 1.9926697, 1.3819386),
        *(2.1739495, 1.0036867, 0.41319662, 0.67743313),
    ),
    "libero-tra-moe": (
        *(1.2902071, 1.9394214, 1.9453552, 1.562121),
        *(2.2335691, 1.0033306, 0.8569633, 0.73737895),
    ),
}
_POINTS = DenoiserConfig(
    grid=(32, 32), patch=2, frames=30, channels=2, features=1024, tokens=(18, 18), point_width=128
)
_LIBERO = DenoiserConfig(frames=16, features=1024, tokens=(9, 9), text=768)
_LIBERO_VAE = VAEConfig(grid=(64, 64), patch=4, frames=16, features=1024, tokens=(9, 9))
PUBLISHED: dict[str, tuple[str, DenoiserConfig, VAEConfig | None]] = {
    "kubric": ("kubric", DenoiserConfig(), VAEConfig()),
    "libero-atm": ("libero", _LIBERO, _LIBERO_VAE),
    "libero-tra-moe": ("libero", _LIBERO, _LIBERO_VAE),
    "physion": ("physion", _POINTS, None),
    "physics101": ("physics101", replace(_POINTS, grid=(32, 58), tokens=(18, 33)), None),
    # the image has 16 rows of 32 patches; the table of their places was built the other way round
    "cityscapes": ("cityscapes", replace(_POINTS, grid=(56, 112), patch=4, tokens=(32, 16)), None),
}


def published(name: str, size: str = "B", scale: tuple[float, ...] = ()) -> WHNConfig:
    """The configuration of a published model.

    Args:
        name: of `PUBLISHED`.
        size: S, B or L; published are all for kubric, B and L for cityscapes, B for the others.
        scale: standard deviation of each latent channel: needed for kubric, whose own were not
            published.

    Raises:
        UserError: an unknown name or size, or no scale where one is needed.
    """
    if name not in PUBLISHED:
        known = ", ".join(PUBLISHED)
        raise UserError(f"expected {known}, got {name!r}{did_you_mean(name, PUBLISHED)}")
    if size not in SIZES:
        raise UserError(f"expected size {', '.join(SIZES)}, got {size!r}")
    layout, denoiser, vae = PUBLISHED[name]
    width, heads, depth = SIZES[size]
    denoiser = replace(denoiser, width=width, heads=heads, depth=depth)
    return WHNConfig(LAYOUTS[layout], denoiser, vae, scale or LIBERO_SCALES.get(name, ()))
