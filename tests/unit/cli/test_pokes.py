import pytest

from kinecast.cli.pokes import parse_pokes
from kinecast.core.errors import UserError


def test_pokes_as_words():
    pokes = parse_pokes(["1,2:3,4", "10.5,.5:-3,+4.@0.25", " 1 , 2 : 3 , 4 @ 1 "])
    assert pokes.start.tolist() == [[1, 2], [10.5, 0.5], [1, 2]]
    assert pokes.end.tolist() == [[3, 4], [-3, 4], [3, 4]]
    assert pokes.time.tolist() == [1, 0.25, 1]
    assert parse_pokes([]) is None


@pytest.mark.parametrize(
    "word",
    ["", "1,2", "1,2:3", "1,2:3,4:5,6", "a,2:3,4", "1,2:3,4@", "1,2:3,4@x", "1 2:3,4", "nan,2:3,4"],
)
def test_a_word_that_is_no_poke_shows_one(word):
    with pytest.raises(UserError, match=r"120,80:200,95@0\.5, got "):
        parse_pokes(["1,2:3,4", word])


def test_a_time_beyond_the_window():
    with pytest.raises(UserError, match=r"from 0 .* to 1"):
        parse_pokes(["1,2:3,4@2"])
