"""Generated videos as forecasts: tracked, re-timed, rescaled."""

import cv2
import numpy as np
import pytest
from other_cases import now

from kinecast.bench.case import Case
from kinecast.bench.contestant import contestant
from kinecast.core.cond import Frame
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.io.image import write_image
from kinecast.io.video import write_video

SIZE, HORIZON, FPS = (160, 96), 8, 12.0


def picture(seed=3, size=SIZE):
    """A frame with looks everywhere, larger than the window on it by 64 pixels each way."""
    W, H = size
    noise = np.random.default_rng(seed).integers(0, 255, (H + 128, W + 128, 3), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2.0)


def panned(step, frames, size=SIZE):
    """Frames in which everything moves by `step` pixels a frame."""
    W, H = size
    world = picture(size=size)
    for t in range(frames):
        x, y = 64 - t * np.asarray(step, float)
        yield cv2.getRectSubPix(world, (W, H), (x + (W - 1) / 2, y + (H - 1) / 2))


def case_of(**fields):
    """Scattered points, one hidden, at the first frame of `panned`."""
    grid = Grid(3, 6, 20.0, (25.0, 22.0))
    xy = grid.points().reshape(-1, 2) + np.random.default_rng(5).uniform(-3, 3, (18, 2))
    xy = xy.astype(np.float32)
    history = Tracks(xy[None], np.ones((1, 18), bool), SIZE, np.zeros(18, np.int64), fps=FPS)
    future = Tracks(np.repeat(xy[None], HORIZON, 0), np.ones((HORIZON, 18), bool), SIZE, fps=FPS)
    image = next(iter(panned((0, 0), 1)))
    return Case("street/0007", "some", history, (future,), frame=Frame(image), **fields)


def write(folder, case, name, step, frames, fps, shown=lambda frame: frame):
    made = [shown(frame) for frame in panned(step, frames)]
    size = made[0].shape[1::-1]
    write_video(folder / case.id / name, iter(made), fps, size, crf=4)
    return folder


def forecast(spec, case, k=8):
    (one,) = contestant(spec)
    assert one.refuses(case) is None
    return one.forecast(case, k, 0)


def test_a_video_at_twice_the_rate_and_another_size_is_brought_to_the_case(tmp_path):
    case = case_of()
    for k, step in enumerate(
        [(1.0, -0.5), (-0.75, 0.5)]
    ):  # of the video's frames at the case's size

        def shown(frame):
            inner = cv2.resize(frame, (240, 144), interpolation=cv2.INTER_CUBIC)
            return cv2.copyMakeBorder(inner, 48, 48, 0, 0, cv2.BORDER_CONSTANT)

        write(tmp_path, case, f"{k}.mp4", step, 2 * HORIZON + 1, 2 * FPS, shown)
    found = forecast(f"videos:{tmp_path}?fit=letterbox", case)
    assert len(found) == 2
    for future, step in zip(found, [(1.0, -0.5), (-0.75, 0.5)], strict=True):
        wanted = now(case) + 2 * np.arange(1, HORIZON + 1)[:, None, None] * np.array(step)
        assert (len(future), future.size) == (HORIZON, SIZE)
        error = np.linalg.norm(future.xy - wanted, axis=-1)
        assert np.median(error) < 0.2
        assert error.max() < 1.0
        assert future.visible.mean() > 0.9


def test_the_duration_may_be_matched_instead(tmp_path):
    case = case_of()
    write(tmp_path, case, "0.mp4", (2.0, 0.0), 5, 8.0)  # half a second; the case has two thirds
    assert contestant(f"videos:{tmp_path}")[0].refuses(case) == (
        "the outputs end before the case does; time=ends stretches them to its duration"
    )
    (future,) = forecast(f"videos:{tmp_path}?time=ends", case)
    assert np.abs(future.xy[-1] - now(case) - (8, 0)).max() < 1.0
    assert np.abs(future.xy[3] - now(case) - (4, 0)).max() < 1.0


def test_a_video_that_begins_after_the_case_s_frame_has_it_put_before(tmp_path):
    case = case_of()
    place = tmp_path / case.id / "0"
    place.mkdir(parents=True)
    for t, frame in enumerate(list(panned((1.0, 1.0), HORIZON + 1))[1:]):
        write_image(place / f"{t}.png", frame)
    with pytest.raises(UserError, match=r"fps=NUMBER or time=.*has no frame rate"):
        contestant(f"videos:{tmp_path}?first=next")[0].refuses(case)
    (future,) = forecast(f"videos:{tmp_path}?first=next&fps=12", case)
    wanted = now(case) + np.arange(1, HORIZON + 1)[:, None, None] * np.array([1.0, 1.0])
    assert np.abs(future.xy - wanted).max() < 1.0


def test_a_video_with_its_history_is_begun_at_its_last_frame(tmp_path):
    case = case_of()
    write(tmp_path, case, "0.mp4", (0, 0), 1, FPS)  # overwritten below: still, then moving

    def frames():
        still = next(iter(panned((0, 0), 1)))
        yield from [still] * 4
        yield from list(panned((1.0, 0.0), HORIZON + 1))[1:]

    write_video(tmp_path / case.id / "0.mp4", frames(), FPS, SIZE, crf=4)
    (future,) = forecast(f"videos:{tmp_path}?start=3", case)
    assert np.abs(future.xy[-1] - now(case) - (HORIZON, 0)).max() < 1.0


def test_hidden_points_are_not_followed_and_stay(tmp_path):
    case = case_of()
    case.history.visible[0, 4] = False
    write(tmp_path, case, "0.mp4", (1.0, 0.0), HORIZON + 1, FPS)
    (future,) = forecast(f"videos:{tmp_path}", case)
    assert not future.visible[:, 4].any()
    assert np.ptp(future.xy[:, 4], axis=0).max() == 0
    assert np.abs(np.delete(future.xy[-1] - now(case), 4, axis=0) - (HORIZON, 0)).max() < 1.0


def test_missing_videos_are_reasons_and_no_crash(tmp_path):
    case = case_of()
    (tmp_path / "other").mkdir()
    (one,) = contestant(f"videos:{tmp_path}")
    assert one.refuses(case) == "no videos of this case are there"
    write(tmp_path, case, "0.mp4", (1, 0), HORIZON + 1, FPS)
    for k in range(2):
        write_video(
            tmp_path / "other" / f"{k}.mp4", panned((0, 0), HORIZON + 1), FPS, SIZE
        )  # fmt: skip
    assert (
        contestant(f"videos:{tmp_path}")[0].refuses(case) == "it has fewer videos than other cases"
    )
    assert contestant(f"videos:{tmp_path}?samples=1")[0].refuses(case) is None
    (tmp_path / case.id / "1.mp4").write_bytes(b"no video")
    assert contestant(f"videos:{tmp_path}")[0].refuses(case) == "a video of it does not open"
    for k in range(2):
        (tmp_path / case.id / f"{k}.mp4").unlink()
    (tmp_path / case.id / "sample.mp4").write_bytes(b"")
    with pytest.raises(UserError, match=r"expected videos 0.mp4, 1.mp4, .* got sample.mp4"):
        contestant(f"videos:{tmp_path}")[0].refuses(case)


def test_videos_may_be_put_beside_the_inputs_of_their_case(tmp_path):
    case = case_of()
    for number in ("0007", "0008", "0009"):  # folders named by numbers, with a picture in each
        place = tmp_path / "street" / number
        write_image(place / "image.png", case.frame.image)
        (place / "case.json").write_text("{}")
        write_video(place / "history.mp4", panned((0, 0), 1), FPS, SIZE)
    (one,) = contestant(f"videos:{tmp_path}")
    assert one.refuses(case) == "no videos of this case are there"
    write(tmp_path, case, "0.mp4", (1, 0), HORIZON + 1, FPS)
    assert contestant(f"videos:{tmp_path}")[0].refuses(case) is None


def test_another_shape_has_to_be_stated(tmp_path):
    case = case_of()
    write(tmp_path, case, "0.mp4", (1, 0), HORIZON + 1, FPS, lambda f: cv2.resize(f, (96, 96)))
    with pytest.raises(UserError, match=r"videos with fit=stretch\|crop\|letterbox.*shapes"):
        contestant(f"videos:{tmp_path}")[0].refuses(case)


def test_what_it_is_goes_into_the_facts(tmp_path):
    case = case_of()
    write(tmp_path, case, "0.mp4", (1, 0), HORIZON + 1, FPS)
    (one,) = contestant(f"videos:{tmp_path}?name=svd&time=ends")
    facts = one.facts()
    assert one.name == "svd"
    assert (facts["kind"], facts["tracker"]) == ("videos", "flow")
    assert facts["options"] == {"name": "svd", "time": "ends"}
    with pytest.raises(UserError, match="expected a tracker of"):
        contestant(f"videos:{tmp_path}?tracker=none")
