"""The arms' networks, each with its one difference, and whole suites in miniature."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.core.rng import generator
from kinecast.data.gliding import glide
from kinecast.metrics.fvmd_long import fvmd_long
from kinecast.systems.base import FieldBatch
from kinecast.systems.trajloom.paper import PaperTrajLoom
from kinecast.train import recipes
from kinecast.train.ablate import image_scores, rgb, rgb_stage
from kinecast.train.ablate.run import Ablation, run, scores_of
from kinecast.train.ablate.suites import SUITES, suite_of, supervision, trajloom, whn, zipmo
from kinecast.train.ablate.table import markdown, write
from kinecast.train.ablate.zipmo_variants import Variant, VariantPlan, VariantStage
from kinecast.train.chunk_pool import VALIDATION_SEED
from kinecast.train.image_sources import grid_of, make
from kinecast.train.images import ImageClips
from kinecast.train.supervision import TRACKERS, check_supervision
from kinecast.train.whn_score import usable
from kinecast.train.zipmo_clips import AtStep

CPU = torch.device("cpu")
SMALL = replace(whn.DATA, frames=9, size=(64, 48), stride=4.0, clips=16, chunk=16, validation=8)
SPARSE = replace(zipmo.DATA, clips=16, chunk=16, reuse=1, validation=4)


class Held:
    """A pool that only has some clips."""

    def __init__(self, *items, data=None):
        self.items, self.data = items, data

    def validation(self):
        return list(self.items)


def some_clips(data, count=2):
    from kinecast.train.images import ImageItem

    clips = [make(data, 0, index) for index in range(count)]
    return ImageItem(
        xy=torch.from_numpy(np.stack([clip.xy for clip in clips])),
        visible=torch.from_numpy(np.stack([clip.visible for clip in clips])),
        pixels=torch.from_numpy(np.stack([clip.pixels for clip in clips])),
        texts=tuple(clip.text for clip in clips),
        size=data.size,
        grid=grid_of(data),
    )


@pytest.mark.parametrize("name", SUITES)
def test_every_arm_has_networks_and_a_vae_of_the_same_sizes(name):
    suite, made = suite_of(name), {}
    for arm in suite.arms:
        if arm.recipe is None:
            continue
        made[arm.name] = (arm.build or recipes.build)(
            arm.recipe, Held(data=arm.recipe.data), CPU
        ).system
        size = sum(p.numel() for p in made[arm.name].parameters())
        assert size < 3_000_000  # minutes of a core
        if arm.vae:
            ours, theirs = made[arm.name].vae.state_dict(), made[arm.vae].vae.state_dict()
            assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}


def test_without_offsets_and_without_anchoring_the_network_is_else_the_same():
    config = suite_of("trajloom").arm("ours").recipe.model
    xy = torch.rand(2, 25, 5, 6, 2, generator=generator(0)) * 2 - 1
    history = FieldBatch(xy, torch.ones(xy.shape[:-1], dtype=torch.bool), (192, 160))
    ours = PaperTrajLoom(config).eval()
    other = PaperTrajLoom(replace(config, offsets=False, anchored=False)).eval()
    other.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours.absolute(ours.relative(xy)), xy)
    assert other.relative(xy) is xy
    with torch.no_grad():
        torch.testing.assert_close(other.latents(ours.relative(xy)).mean, ours.latents(xy).mean)
        cond = ours.condition(history)
        noise = torch.randn(2, *ours.latent_shape(cond), generator=generator(1))
        torch.testing.assert_close(other.source(noise, cond), noise)
        assert (ours.source(noise, cond)[:, 0] != noise[:, 0]).any()


def test_forecasts_of_the_suites_grid_have_their_distance_of_sets():
    data, (h, w) = suite_of("trajloom").arm("ours").recipe.data, trajloom.GRIDS[trajloom.FRAMES]
    pairs = []
    for k in range(2):
        xy = 100 * torch.rand(data.horizon, h, w, 2, generator=generator(k)).numpy()
        truth = Field(xy, np.ones(xy.shape[:3], bool), data.sizes[0], data.stride, (16.0, 16.0))
        pairs.append((replace(truth, xy=xy[::-1].copy()), truth))
    assert fvmd_long(pairs).combined > 0


def test_a_score_counts_where_points_were_followed():
    least = rgb_stage.FEWEST
    kept = rgb_stage.where_followed([1.0, 2.0, 3.0], [least, least - 1, 100.0])
    assert (kept[0], kept[2]) == (1.0, 3.0)
    assert np.isnan(kept[1])


def test_what_a_target_says_is_where_points_are():
    item = some_clips(SPARSE)
    said = 0.01 * torch.randn(2, 2 * zipmo.TRACKS, 24, 2, generator=generator(0))

    def decoded(target):
        stage, tracks = vae_stage(item, Variant(target=target))
        stage._system.vae.decode = lambda *_: said
        return stage._decode(None, tracks, torch.zeros(2, 36, 48)), tracks

    absolute, tracks = decoded("absolute")
    torch.testing.assert_close(absolute, said)
    torch.testing.assert_close(decoded("offset")[0], tracks[:, :, :1] + said)
    delta = decoded("delta")[0]
    torch.testing.assert_close(delta.diff(dim=2), said[:, :, 1:])
    torch.testing.assert_close(delta[:, :, 0], tracks[:, :, 0] + said[:, :, 0])


def vae_stage(item, variant):
    recipe = suite_of("zipmo").arm("vae").recipe
    plan = VariantPlan(recipe, Held(item), CPU, variant)
    stage = plan.stage("vae")
    assert isinstance(stage, VariantStage)
    return stage, stage._some(item, generator(5))


def test_losses_differ_in_what_they_make_of_large_errors():
    item = some_clips(SPARSE)
    losses = {}
    for kind in ("l1", "l2", "huber"):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            stage, _ = vae_stage(item, Variant(loss=kind))
        loss, parts = stage.loss(AtStep(item, 0), generator(1))
        losses[kind] = loss.item()
        assert parts["l1"] > 0.05
    assert len({round(value, 4) for value in losses.values()}) == 3
    assert losses["huber"] < 0.05 * losses["l1"]  # linear beyond 0.05, with that slope


def test_latents_of_a_bag_have_no_places():
    item = some_clips(SPARSE)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        stage, tracks = vae_stage(item, Variant(bag=True))
    vae, image = stage._system.vae.eval(), stage._image(item)
    z = torch.randn(2, 36, 8, generator=generator(0))
    order = torch.randperm(36, generator=generator(1))
    with torch.no_grad():
        keys, start = vae.contexts(image), tracks[:, :4, 0]
        torch.testing.assert_close(
            vae.decode(z, start, 3, keys), vae.decode(z[:, order], start, 3, keys),
            rtol=1e-3, atol=1e-4,
        )  # fmt: skip
    assert vae.encode(tracks[:, :4], image).mean.std(1).min() > 0  # but tokens of their own


def test_a_planner_takes_latents_of_several_steps():
    recipe = suite_of("zipmo").arm("compression 12").recipe
    system = VariantPlan(recipe, None, CPU).system
    image, pokes = torch.zeros(1, 36, 48), system.planner.poke_tokens(torch.zeros(1, 8, 5))
    context = system.planner.context(image, pokes, system.vae.position)
    z = torch.zeros(2, 2 * 36, 8)
    assert system.planner(z, torch.full((2,), 0.5), context).shape == z.shape


def test_supervision_changes_the_tracks_and_nothing_else():
    exact = make(SPARSE, 0, 3)
    paths = {track.tobytes() for track in exact.xy[0].transpose(1, 0, 2)}
    assert len(paths) == grid_of(SPARSE).count
    never_hidden = int(exact.visible.all((0, 1)).sum())
    assert 0 < never_hidden < len(paths)
    for kind, distinct in (("few", len(paths) // 8), ("seen", never_hidden)):
        clip = make(replace(SPARSE, supervision=kind), 0, 3)
        kept = {track.tobytes() for track in clip.xy[0].transpose(1, 0, 2)}
        assert kept <= paths
        assert len(kept) == distinct
        assert clip.xy.shape == exact.xy.shape
        np.testing.assert_array_equal(clip.pixels, exact.pixels)
    assert clip.visible.all()


@pytest.mark.parametrize("kind", TRACKERS)
def test_estimated_tracks_are_near_the_exact_ones_and_begin_with_them(kind):
    data = replace(SPARSE, frames=8, supervision=kind)
    exact, clip = make(replace(data, supervision="exact"), 0, 3), make(data, 0, 3)
    np.testing.assert_array_equal(clip.xy[:, 0], exact.xy[:, 0])
    both = clip.visible & exact.visible
    gap = np.linalg.norm(clip.xy - exact.xy, axis=-1)[both]
    assert 0 < np.median(gap) < 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"supervision": "folw"}, "expected data.supervision of exact, flow, lk, few, seen, got"),
        ({"supervision": "flow", "families": ("reach",)}, "expected data.families of layers"),
        ({"supervision": "seen", "points": 40}, "on a grid"),
        ({"supervision": "few", "shards": "x"}, "no data.shards"),
        ({"supervision": "lk", "views": 2}, "in one view"),
    ],
)
def test_supervision_that_cannot_be_made_is_refused(data, message):
    with pytest.raises(UserError, match=message):
        check_supervision(replace(SPARSE, **data))


def test_things_of_held_out_clips_move_rigidly_and_noise_does_not():
    clip = make(SMALL, VALIDATION_SEED, 0)
    objects = image_scores.objects_of(SMALL, 0)
    scene = glide("layers", VALIDATION_SEED, 0, frames=SMALL.frames, size=SMALL.size)
    assert 0 <= objects.max() < len(scene.layers) - 1
    assert (objects == image_scores.BACKGROUND).any()
    truth = clip.xy
    noise = np.random.default_rng(0).normal(0, 1, truth.shape).astype(np.float32)
    assert image_scores.rigidity(truth, objects) < 0.1
    assert image_scores.rigidity(truth + noise, objects) > 1
    assert np.isnan(image_scores.rigidity(truth, np.full(len(objects), -1)))


def test_frames_of_clips_that_go_too_far_are_no_part_of_the_loss(tmp_path):
    """As in the arm that they are compared with."""
    recipe = replace(whn.suite(SMALL).arm("RGB").recipe, data=SMALL)
    with ImageClips(SMALL, 0, tmp_path) as pool:
        stage = rgb_stage.RGBPlan(recipe, pool, CPU).stage("flow")
        clips = torch.arange(4)
        batch = stage._encoded(0, 0, clips, generator(0))
        assert torch.equal(batch.counts, usable(pool.take(0, clips)).float())
        losses = [
            stage.loss(replace(batch, counts=counts), generator(1))[0].item()
            for counts in (torch.ones(4), torch.tensor([1.0, 0.0, 1.0, 1.0]), torch.zeros(4))
        ]
    assert losses[0] > losses[1] > losses[2] == 0


def test_the_codec_of_frames_reconstructs_what_it_was_fitted_to():
    system = rgb.RGBWHN(whn.MODEL, SMALL)
    frames = rgb.clip_frames(SMALL, 0, [0, 1, 2])
    system.fit_codec(frames)
    z = system.latents(frames)
    assert z.shape == (3, 9, 12, 16, rgb.CHANNELS)
    torch.testing.assert_close(z.flatten(0, 3).std(0), torch.ones(rgb.CHANNELS), rtol=1e-2, atol=0)
    error = (system.frames(z).float() - frames.float()).square().mean()
    assert 10 * torch.log10(255**2 / error) > 30
    coarse = system.frames(torch.cat([z[..., :1], torch.zeros_like(z[..., 1:])], -1))
    assert (coarse.float() - frames.float()).square().mean() > 2 * error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("made", "only"),
    [
        (lambda o: whn.suite(SMALL, o), ("B", "without VAE", "estimated tracks", "RGB", "S")),
        (lambda o: zipmo.suite(SPARSE, o), ("sequence", "unseen queries", "encoded queries", "L2",
                                            "compression 12", "2 evaluations")),
        (lambda o: supervision.suite(SPARSE, o), ()),
    ],
    ids=["whn", "zipmo", "supervision"],
)  # fmt: skip
def test_a_suite_in_miniature(made, only, tmp_path):
    optim = {**whn.OPTIM, **zipmo.OPTIM}
    suite = made({name: replace(o, steps=3, batch=4) for name, o in optim.items()})
    ablation = Ablation(suite, tmp_path, CPU, only, seeds=1, quiet=True)
    run(ablation)
    found, paths = write(ablation)
    assert len(found["claims"]) >= 4
    assert all(row["difference"] is not None for row in found["claims"] if row["arm"] != "RGB")
    assert "not resolved at this budget" in markdown(found)
    assert set(paths) >= {"table", "json", "curves"}
    if suite.name == "whn":
        scores = scores_of(ablation, "RGB")
        assert min(scores[rgb_stage.PSNR][0]) > 25
        # three steps make noise, in which nothing can be followed
        assert max(scores[rgb_stage.FOLLOWED][0]) < rgb_stage.FEWEST
        assert np.isnan(scores[image_scores.BEST][0]).all()
        log = (ablation.folder("S", 0) / "flow" / "log.jsonl").read_text()
        assert image_scores.LRTL in log
