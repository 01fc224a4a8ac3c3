import json

import cv2
import numpy as np
import pytest

from kinecast.core.errors import UserError
from kinecast.data.importers import importer
from kinecast.data.importers.base import Untracked
from kinecast.data.importers.track import tracked
from kinecast.data.trackers import get_tracker
from kinecast.io.video import write_video

W, H, T = 80, 48, 4
TEXTURE = np.random.default_rng(0).integers(0, 255, (H, W, 3), np.uint8)


def video(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, (np.roll(TEXTURE, t, 1) for t in range(T)), 12.0, (W, H))
    return path


def test_a_folder_of_videos_with_texts_beside_them(tmp_path):
    video(tmp_path / "b" / "two.mp4").with_suffix(".txt").write_text("two  dogs\n", "utf-8")
    video(tmp_path / "a.mp4")
    items = list(importer("videos").items(tmp_path))
    assert [(item.id, item.caption, len(item.video)) for item in items] == [
        ("a", "", T), ("b/two", "two dogs", T),
    ]  # fmt: skip
    assert all(isinstance(item, Untracked) for item in items)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_captions_in_a_table(kind, tmp_path):
    video(tmp_path / "b" / "two.mp4")
    video(tmp_path / "a.mp4")
    rows = [("a.mp4", 'one, "cat"'), ("b/two.mp4", "two dogs")]
    if kind == "csv":
        text = 'file,caption\na.mp4,"one, ""cat"""\nb/two.mp4,two dogs\n'
    else:
        text = "\n".join(json.dumps({"file": f, "caption": c}) for f, c in rows)
    (tmp_path / f"captions.{kind}").write_text(text, "utf-8")
    items = list(importer("videos").items(tmp_path))
    assert [item.caption for item in items] == ['one, "cat"', "two dogs"]


def test_one_video_and_a_table_elsewhere(tmp_path):
    path = video(tmp_path / "v" / "a.mp4")
    table = tmp_path / "texts.csv"
    table.write_text("videoid,text\na,a cat\n")
    (item,) = importer("videos").items(path, {"captions": str(table)})
    assert (item.id, item.caption) == ("a", "a cat")


def test_two_captions_for_one_video_are_refused(tmp_path):
    video(tmp_path / "a.mp4").with_suffix(".txt").write_text("a dog")
    (tmp_path / "captions.csv").write_text("file,caption\na.mp4,a cat\n")
    with pytest.raises(UserError, match="one caption of"):
        list(importer("videos").items(tmp_path))


@pytest.mark.parametrize("text", ["name,words\na.mp4,x\n", "file,caption,text\na,b,c\n"])
def test_a_table_of_other_columns_is_refused(text, tmp_path):
    video(tmp_path / "a.mp4")
    (tmp_path / "captions.csv").write_text(text)
    with pytest.raises(UserError, match="caption or text in row 2"):
        list(importer("videos").items(tmp_path))


def test_a_folder_without_videos_is_refused(tmp_path):
    with pytest.raises(UserError, match="expected a folder with videos"):
        list(importer("videos").items(tmp_path))


def davis(root, annotated=True):
    """Two sequences of two frames; the first mask has an object in the right half."""
    for name in ("bear", "dog-agility"):
        frames = root / "JPEGImages" / "480p" / name
        frames.mkdir(parents=True)
        for t in range(2):
            cv2.imwrite(str(frames / f"{t:05d}.jpg"), np.roll(TEXTURE, t, 1))
        if annotated:
            masks = root / "Annotations" / "480p" / name
            masks.mkdir(parents=True)
            mask = np.zeros((H, W, 3), np.uint8)
            mask[:, W // 2 :] = (0, 0, 128)  # a palette image is read as its colours
            cv2.imwrite(str(masks / "00000.png"), mask)
    sets = root / "ImageSets" / "2017"
    sets.mkdir(parents=True)
    (sets / "val.txt").write_text("dog-agility\n")
    return root


def test_davis_sequences_and_splits(tmp_path):
    root = davis(tmp_path)
    items = list(importer("davis").items(root, {"fps": "24"}))
    assert [(item.id, len(item.video), item.video.fps) for item in items] == [
        ("bear", 2, 24.0), ("dog-agility", 2, 24.0),
    ]  # fmt: skip
    assert items[0].mask is None
    (item,) = importer("davis").items(root, {"split": "val"})
    assert item.id == "dog-agility"


def test_points_on_the_objects_of_the_first_mask(tmp_path):
    item, _ = importer("davis").items(davis(tmp_path), {"points": "objects"})
    clip = tracked(item, get_tracker("chain"), stride=8)
    assert clip.tracks.count == 6 * 5
    assert (clip.tracks.xy[0, :, 0] > W / 2).all()
    assert clip.tracks.source["data"]["importer"] == "davis"


@pytest.mark.parametrize(
    ("options", "message"),
    [({"points": "objects"}, "expected masks"), ({"split": "train"}, "no such file")],
)
def test_what_davis_lacks_is_named(options, message, tmp_path):
    with pytest.raises(UserError, match=message):
        list(importer("davis").items(davis(tmp_path, annotated=False), options))


def test_a_split_that_leaves_the_folder_is_refused(tmp_path):
    root = davis(tmp_path)
    (root / "ImageSets" / "2017" / "val.txt").write_text("../../up\n")
    with pytest.raises(UserError, match="names of sequences"):
        list(importer("davis").items(root, {"split": "val"}))


def test_several_resolutions_must_be_chosen_from(tmp_path):
    root = davis(tmp_path)
    (root / "JPEGImages" / "1080p").mkdir()
    with pytest.raises(UserError, match=r"resolution=1080p\|480p"):
        list(importer("davis").items(root))


def test_a_video_is_tracked_at_the_size_that_its_data_set_wants(tmp_path):
    (item,) = importer("videos").items(video(tmp_path / "a.mp4"))
    item = Untracked(item.video, "a cat", "a", {"x": 1}, size=(40, 32))
    clip = tracked(item, get_tracker("chain"), stride=8)
    assert (clip.tracks.size, clip.caption, clip.id) == ((40, 32), "a cat", "a")
    assert clip.tracks.count == 5 * 4
