from dataclasses import replace

import cv2
import numpy as np
import pytest

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.video import ArraySource, Video
from kinecast.data import augment
from kinecast.data.leakage import check_disjoint, find_leaks
from kinecast.data.shards import DamageError, write_shard
from kinecast.data.synth import generate

SIZE = (160, 96)
FRAMES = 48


def clip(seed: int, name: str = "") -> Clip:
    """A simulated clip with pictures of its own and a provenance that gives nothing away."""
    made = generate("mix", seed=seed, n=1, frames=FRAMES, size=SIZE).clip(0)
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 256, (1, 6, 10, 3)).astype(np.uint8).repeat(16, 1).repeat(16, 2)
    frames = np.roll(coarse.repeat(FRAMES, 0), seed, axis=2)
    video = Video(ArraySource(frames, made.tracks.fps))
    tracks = replace(made.tracks, source={"tracker": "test"})
    return replace(made, tracks=tracks, video=video, id=name or f"clip-{seed}")


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    path = tmp_path_factory.mktemp("train") / "train.parquet"
    write_shard(path, [clip(seed) for seed in range(4)])
    return path


def reasons(train, folder, *others, **options):
    path = folder / "other.parquet"
    write_shard(path, others, **options)
    return [leak.why.partition(":")[0] for leak in find_leaks([train], [path])]


def blind(one: Clip) -> Clip:
    return replace(one, video=None)


def with_picture(one: Clip, picture: np.ndarray) -> Clip:
    frames = picture[None].repeat(len(one.tracks), 0)
    return replace(one, video=Video(ArraySource(frames, one.tracks.fps)))


def test_other_clips_are_no_leak(train, tmp_path):
    others = [clip(seed) for seed in range(10, 30)]
    assert reasons(train, tmp_path, *others) == []
    check_disjoint([train], [tmp_path / "other.parquet"])


def test_the_same_tracks_under_another_name(train, tmp_path):
    again = replace(blind(clip(2)), id="other", caption="other")
    assert reasons(train, tmp_path, blind(clip(10)), again) == ["content"]


@pytest.mark.parametrize(
    "change",
    [
        augment.flip_x,
        augment.flip_y,
        augment.reverse,
        lambda one: augment.crop(one, (31, 10, 151, 90)),
        lambda one: augment.window(one, 12, 36),
        lambda one: augment.window(one, 0, 24),
        lambda one: augment.random_points(one, np.random.default_rng(0), 100),
        lambda one: augment.flip_x(augment.reverse(augment.window(one, 10, 30))),
    ],
    ids=["flip x", "flip y", "reverse", "crop", "late window", "half", "some points", "all three"],
)
def test_the_same_motion_changed(train, tmp_path, change):
    assert reasons(train, tmp_path, *(blind(change(clip(seed))) for seed in range(4)))[:1] == [
        "motion"
    ]
    found = reasons(train, tmp_path, *(blind(change(clip(seed))) for seed in range(4)))
    assert found == ["motion"] * 4


def test_windows_that_do_not_overlap_share_no_motion(tmp_path):
    first, second = ([blind(augment.window(clip(s), k, 24)) for s in range(4)] for k in (0, 24))
    write_shard(tmp_path / "a.parquet", first)
    assert reasons(tmp_path / "a.parquet", tmp_path, *second) == []


def test_the_first_picture_encoded_anew_resized_dimmed_or_mirrored(train, tmp_path):
    picture = clip(1).video[0:1][0]
    jpeg = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 1)
    small = cv2.resize(cv2.resize(picture, (64, 64)), SIZE)
    dim = (picture * 0.6 + 30).astype(np.uint8)
    for changed in (jpeg, small, dim, jpeg[:, ::-1], dim[::-1], small[::-1, ::-1]):
        other = with_picture(clip(50), np.ascontiguousarray(changed))
        assert reasons(train, tmp_path, other) == ["picture"]
    grey = with_picture(clip(50), np.full_like(picture, 77))
    assert reasons(train, tmp_path, grey, replace(grey, id="b")) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "leaks"),
    [
        ({"sha256": "ab"}, {"sha256": "ab", "video": "b.mp4"}, True),
        ({"sha256": "ab", "video": "a.mp4"}, {"sha256": "cd", "video": "a.mp4"}, False),
        ({"video": "a.mp4"}, {"video": "a.mp4", "frames": [5, 9]}, True),
        ({"video": "a.mp4"}, {"video": "b.mp4"}, False),
        ({"video": "video"}, {"video": "video"}, False),
        ({"simulated": "bodies/3/1"}, {"simulated": "bodies/3/1"}, True),
        ({"recording": "demo 4"}, {"recording": "demo 4"}, True),
        ({"importer": "x", "file": "all.pkl"}, {"importer": "x", "file": "all.pkl"}, False),
        ({"video": "v.mp4", "data": {"importer": "x"}}, {"video": "v.mp4", "importer": "x"}, False),
    ],
)
def test_what_provenance_states(tmp_path, ours, theirs, leaks):
    def stated(seed, source):
        one = blind(clip(seed))
        return replace(one, tracks=replace(one.tracks, source=source))

    write_shard(tmp_path / "a.parquet", [stated(1, ours)])
    assert reasons(tmp_path / "a.parquet", tmp_path, stated(2, theirs)) == ["video"] * leaks
    if "importer" in ours.get("data", ours):  # the importer's ids tell recordings apart
        same = replace(stated(2, theirs), id="clip-1")
        assert reasons(tmp_path / "a.parquet", tmp_path, same) == ["video"]


def test_overlapping_splits_are_refused_by_name(train, tmp_path):
    other = tmp_path / "val.parquet"
    write_shard(other, [clip(10), blind(clip(3))])
    with pytest.raises(UserError, match=r"train\.parquet:3 clip-3 and .*val\.parquet:1 clip-3"):
        check_disjoint([train], [other])
    leaks = find_leaks([train], [train])
    assert len(leaks) == 4
    with pytest.raises(UserError, match="got 4 pairs"):
        check_disjoint([train], [train])


def test_what_cannot_be_read_cannot_be_cleared(train, tmp_path):
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(train.read_bytes()[:-50])
    with pytest.raises(DamageError):
        check_disjoint([train], [torn])
