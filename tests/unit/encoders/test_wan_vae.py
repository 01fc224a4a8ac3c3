import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tiny_models import filled, needs

from kinecast.core import extra
from kinecast.core.errors import MissingExtraError, UserError
from kinecast.core.rng import generator
from kinecast.encoders.wan_vae import WanVAE

MEAN, DEVIATION = [0.5, -1.0, 0.0, 2.0], [1.0, 2.0, 0.5, 4.0]


@pytest.fixture
def wan(tmp_path):
    diffusers = needs("diffusers")
    model = diffusers.AutoencoderKLWan(
        base_dim=4,
        z_dim=4,
        dim_mult=[1, 1, 2, 2],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=MEAN,
        latents_std=DEVIATION,
    )
    filled(model).save_pretrained(tmp_path / "vae")
    return model.eval(), tmp_path


def video(T=5, H=64, W=96):
    return torch.randint(256, (1, T, H, W, 3), dtype=torch.uint8, generator=generator(3))


def test_it_is_the_normalised_mean_of_frames_at_a_quarter_of_their_size(wan):
    model, folder = wan
    frames = video()[0].permute(0, 3, 1, 2).float() / 127.5 - 1
    small = F.interpolate(frames, scale_factor=0.25, mode="bilinear", align_corners=False)
    mean = model.encode(small.transpose(0, 1)[None]).latent_dist.mean[0]
    expected = (mean.permute(1, 2, 3, 0) - torch.tensor(MEAN)) / torch.tensor(DEVIATION)
    encoder = WanVAE(folder)
    latent = encoder.encode(video())
    assert latent.shape == (1, 2, 2, 3, encoder.width) == (1, 2, 2, 3, 4)
    torch.testing.assert_close(latent[0], expected, rtol=1e-5, atol=2e-5)


def test_weights_that_lack_a_tensor_are_not_made_up(wan):
    file = wan[1] / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    del tensors["quant_conv.bias"]
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(UserError, match=r"got 1 missing or misshapen \(quant_conv"):
        WanVAE(wan[1])


@pytest.mark.parametrize(("T", "H", "W"), [(4, 64, 96), (5, 60, 96), (5, 64, 100)])
def test_what_does_not_divide_into_latents_says_so(wan, T, H, W):
    with pytest.raises(UserError, match=rf"got {T} frames of {W}x{H}; crop or resize"):
        WanVAE(wan[1]).encode(video(T, H, W))


def test_a_missing_package_names_the_extra(tmp_path, monkeypatch):
    def absent(package):
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    monkeypatch.setattr(extra, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r'pip install "kinecast\[encoders\]"'):
        WanVAE(tmp_path)
