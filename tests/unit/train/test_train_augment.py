import pytest
import torch

from kinecast.core import coords, rng
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.forecast import guess
from kinecast.train.augment import Window, as_tracked, joined
from kinecast.train.recipe import Augment
from kinecast.train.stage import fill_hidden

SIZE = (96, 64)
GRID = Grid.over(SIZE, 16.0)
WINDOW = Window(6, 5, SIZE, GRID)
NONE = Augment(margin=4, warp=0, flip=0, jitter=0, wander=0, spells=0, lost=0, drift=0, edges=0)


def clips(anchor, margin=4):
    """Points that move straight, laid in output frame `anchor`."""
    velocity = torch.randn(3, 1, GRID.h, GRID.w, 2, generator=rng.generator(2))
    time = torch.arange(11.0 + margin)[:, None, None, None] - margin // 2 - anchor
    xy = torch.from_numpy(GRID.points()) + velocity * time
    return xy, coords.inside(xy, SIZE)


@pytest.mark.parametrize("anchor", [0, 5])
def test_without_any_strength_the_window_is_the_middle_of_the_clip(anchor):
    xy, visible = clips(anchor)
    batch = as_tracked(xy, visible, anchor, WINDOW, NONE, rng.generator(1))
    assert torch.equal(batch.xy, xy[:, 2:-2])
    assert torch.equal(batch.visible, visible[:, 2:-2])
    seen = batch.noisy_visible
    assert torch.equal(seen, visible[:, 2:8])
    assert torch.equal(batch.noisy_xy[seen], xy[:, 2:8][seen])


@pytest.mark.parametrize("anchor", [0, 5])
def test_points_stay_exact_and_visible_where_they_are_laid(anchor):
    xy, visible = clips(anchor)
    batch = as_tracked(xy, visible, anchor, WINDOW, Augment(margin=4), rng.generator(1))
    points = torch.from_numpy(GRID.points()).expand(3, -1, -1, -1)
    torch.testing.assert_close(batch.xy[:, anchor], points)
    torch.testing.assert_close(batch.noisy_xy[:, anchor], points)
    assert batch.noisy_visible[:, anchor].all()


def test_only_the_history_has_errors():
    xy, visible = clips(5)
    how = Augment(margin=4, warp=0, flip=0, jitter=2.0)
    batch = as_tracked(xy, visible, 5, WINDOW, how, rng.generator(1))
    assert torch.equal(batch.xy, xy[:, 2:-2])
    error = (batch.noisy_xy - batch.xy[:, :6])[batch.noisy_visible].abs().amax()
    assert 0.1 < error < 40


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (0.5, 10, 50), (1.0, 60, 60)])
def test_a_share_of_the_histories_stays_exact(share, low, high):
    xy, visible = (part.repeat_interleave(20, 0) for part in clips(0))
    how = Augment(margin=4, warp=0, flip=0, exact=share)
    batch = as_tracked(xy, visible, 0, WINDOW, how, rng.generator(1))
    seen = batch.noisy_visible
    same = ((batch.noisy_xy == batch.xy[:, :6]).all(-1) | ~seen).flatten(1).all(1)
    whole = (seen == batch.visible[:, :6]).flatten(1).all(1)
    assert low <= (same & whole).sum() <= high


def test_batches_join_in_order():
    parts = [as_tracked(*clips(a), a, WINDOW, Augment(margin=4), rng.generator(a)) for a in (0, 5)]
    both = joined(parts)
    assert len(both) == 6
    assert torch.equal(both.noisy_xy[3:], parts[1].noisy_xy)


def test_hidden_positions_are_guessed_as_the_forecaster_does():
    draw = rng.generator(8)
    xy = torch.randn(4, 9, GRID.h, GRID.w, 2, generator=draw) * 50
    visible = torch.rand(4, 9, GRID.h, GRID.w, generator=draw) < 0.3
    filled = fill_hidden(xy, visible, GRID)
    for i in range(4):
        tracks = Tracks(
            xy[i].flatten(1, 2).numpy(), visible[i].flatten(1, 2).numpy(), SIZE, grid=GRID
        )
        expected = torch.from_numpy(guess.fill_hidden(tracks))
        torch.testing.assert_close(filled[i].flatten(1, 2), expected)
    assert (~visible.any(1)).any()  # some are never seen
    again = fill_hidden(torch.where(visible[..., None], xy, torch.nan), visible, GRID)
    torch.testing.assert_close(again, filled)


def test_a_shortened_history_is_as_if_nothing_had_been_before():
    batch = as_tracked(*clips(0), 0, WINDOW, Augment(margin=4), rng.generator(3))
    short = batch.shortened(3)
    assert short.history == 3
    assert short.xy.shape[1] == 8
    assert torch.equal(short.xy[:, 3:], batch.xy[:, 6:])
    seen = batch.noisy_visible[:, 3:]
    assert torch.equal(short.noisy_xy[seen], batch.noisy_xy[:, 3:][seen])
    assert torch.equal(
        short.noisy_xy, fill_hidden(batch.noisy_xy[:, 3:], short.noisy_visible, GRID)
    )
