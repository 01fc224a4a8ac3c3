"""The policy head, its loss, and what a roll-out makes of many predictions."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_zipmo_libero import CONFIG, POLICY_CONFIG, moment
from zipmo_networks import normal, shaken

from kinecast.core.errors import UserError
from kinecast.systems.zipmo.libero_system import ZipMoLibero
from kinecast.systems.zipmo.policy import PolicyHead, TemporalAverage, policy_loss
from kinecast.systems.zipmo.positions import plane
from kinecast.systems.zipmo.rollout import Rollout


@pytest.fixture(scope="module")
def head() -> PolicyHead:
    return shaken(PolicyHead(POLICY_CONFIG)).requires_grad_(False)


@pytest.fixture(scope="module")
def model() -> ZipMoLibero:
    return shaken(ZipMoLibero(CONFIG)).requires_grad_(False)


def test_actions_of_a_robot_do_not_depend_on_the_others(head):
    z, robot = normal(3, 18, 4), normal(3, 9)
    actions = head(z, robot, plane(3, 3))
    assert actions.shape == (3, 3, 7)
    torch.testing.assert_close(head(z[1:2], robot[1:2], plane(3, 3)), actions[1:2])
    assert (head(z, normal(3, 9, seed=1), plane(3, 3)) - actions).abs().max() > 1e-3


def test_the_context_is_each_view_then_the_robot(head):
    z, robot = normal(2, 18, 4), normal(2, 9)
    tokens = head.context(z, robot)
    assert tokens.shape == (2, 19, 32)
    torch.testing.assert_close(tokens[:, :9], head.track(z[:, :9]) + head.modality[2])
    torch.testing.assert_close(tokens[:, 9:18], head.track(z[:, 9:]) + head.modality[3])
    torch.testing.assert_close(tokens[:, 18], head.proprioception(robot) + head.modality[5])
    where = head.positions(plane(3, 3))
    assert torch.equal(where, torch.cat([plane(3, 3), plane(3, 3), torch.zeros(1, 2)]))


def test_where_a_latent_is_matters(head):
    z, robot = normal(1, 18, 4), normal(1, 9)
    actions = head(z, robot, plane(3, 3))
    assert (head(z, robot, plane(3, 3).flip(0)) - actions).abs().max() > 1e-4


def test_a_later_action_counts_less():
    actions = torch.zeros(2, 3, 7)
    predicted = actions.clone()
    predicted[:, 2] = 2.0  # an error of 4 in a third of the entries
    assert policy_loss(predicted, actions, 0.5).item() == pytest.approx(0.25 * 4 / 3)
    assert policy_loss(predicted, actions).item() == pytest.approx(0.99**2 * 4 / 3)


@given(T=st.integers(1, 5), calls=st.integers(1, 12), b=st.integers(1, 2))
def test_an_average_is_of_the_last_predictions_each_at_its_published_index(T, calls, b):
    average, predictions = TemporalAverage(0.5), normal(calls, b, T, 2)
    for index, prediction in enumerate(predictions):
        action = average.act(prediction)
        last = predictions[: index + 1][-T:]
        total, weights = torch.zeros(b, 2, dtype=torch.float64), 0.0
        for i, old in enumerate(last):
            weight = 0.5 ** (len(last) - 1 - i)
            total += weight * old[:, (T - i) % T].double()
            weights += weight
        torch.testing.assert_close(action, (total / weights).float())
        assert average.steps == index + 1
        assert len(average.predictions) == min(index + 1, T)


def test_the_first_action_is_the_first_of_its_prediction():
    prediction = normal(2, 4, 7)
    assert torch.equal(TemporalAverage().act(prediction), prediction[:, 0])


def test_equal_predictions_of_one_action_are_their_own_average():
    average, prediction = TemporalAverage(), torch.full((1, 4, 7), 0.3)
    for _ in range(6):
        torch.testing.assert_close(average.act(prediction), prediction[:, 0], rtol=0, atol=1e-7)


def test_a_rollout_counts_the_episodes_steps(model):
    told = []
    condition = model.condition
    model.condition = lambda given: (told.append(given.episode_step), condition(given))[1]
    rollout, seen = Rollout(model, steps=1), moment(b=2, step=None)
    actions = [rollout.act(seen, normal(2, 9), normal(2, 18, 4)) for _ in range(3)]
    del model.condition
    assert told == [0, 1, 2]
    assert all(action.shape == (2, 7) for action in actions)
    torch.testing.assert_close(
        Rollout(model, steps=1).act(seen, normal(2, 9), normal(2, 18, 4)), actions[0]
    )
    assert (actions[1] - actions[0]).abs().max() > 1e-5


def test_a_rollout_is_the_sampler_the_head_and_the_average(model):
    seen, robot, noise = moment(b=1, step=None), normal(1, 9), normal(1, 18, 4)
    cond = model.condition(replace(seen, episode_step=0))
    z, t = noise, torch.zeros(1)
    for k in range(2):
        z = z + 0.5 * model.velocity(z, t + 0.5 * k, cond)
    expected = model.actions(z, robot)[:, 0]
    torch.testing.assert_close(Rollout(model, steps=2).act(seen, robot, noise), expected)


def test_a_planner_alone_cannot_act():
    planner = ZipMoLibero(replace(CONFIG, policy=None))
    with pytest.raises(UserError, match="expected weights of a ZipMo policy"):
        planner.actions(normal(1, 18, 4), normal(1, 9))
