"""The network is the paper's, alone and stacked."""

import math

import pytest
import torch
from training_reference import PhotometryNetwork, count_weights, single
from training_reference import stack as stack_networks

from transferz.baselines.networks.network import StackedNetworks


def test_with_five_bands_it_has_the_papers_number_of_weights():
    assert count_weights(PhotometryNetwork(5)) == 122_006
    assert count_weights(StackedNetworks.from_seeds(5, range(3))) == 3 * 122_006


def test_the_output_is_relu_layers_then_the_input_again_then_a_line():
    network = PhotometryNetwork(3, torch.Generator().manual_seed(1)).double()
    scaled = torch.rand(7, 3, dtype=torch.float64)
    features = scaled
    for layer in network.hidden:
        features = (features @ layer.weight.T + layer.bias).clamp(min=0)
    expected = torch.cat((scaled, features), 1) @ network.head.weight.T + network.head.bias
    assert network(scaled).shape == (7,)
    torch.testing.assert_close(network(scaled), expected[:, 0])


def test_weights_start_as_keras_starts_them():
    network = PhotometryNetwork(5, torch.Generator().manual_seed(0))
    for layer in network.layers:
        limit = math.sqrt(6 / (layer.in_features + layer.out_features))
        assert not layer.bias.any()
        assert layer.weight.abs().max() <= limit
        if layer.weight.numel() > 10_000:
            assert layer.weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.02)


def test_a_seed_fixes_the_weights_whatever_the_other_seeds_are():
    alone = PhotometryNetwork(5, torch.Generator().manual_seed(4))
    first, second = StackedNetworks.from_seeds(5, [4, 5]), StackedNetworks.from_seeds(5, [9, 4])
    for layer, left, right in zip(alone.layers, first.weights, second.weights, strict=True):
        assert torch.equal(left[0], layer.weight.T)
        assert torch.equal(right[1], layer.weight.T)
        assert not torch.equal(left[0], left[1])


@pytest.fixture
def stack():
    networks = [PhotometryNetwork(3).double() for _ in range(4)]
    for network in networks:
        for layer in network.layers:
            torch.nn.init.normal_(layer.bias)
    return networks, stack_networks(networks)


def test_stacked_networks_forecast_as_each_alone(stack):
    networks, stacked = stack
    batches = torch.rand(4, 7, 3, dtype=torch.float64)
    expected = torch.stack([one(batch) for one, batch in zip(networks, batches, strict=True)])
    torch.testing.assert_close(stacked(batches), expected)
    shared = torch.stack([one(batches[0]) for one in networks])
    torch.testing.assert_close(stacked(batches[0]), shared)


def test_networks_come_out_of_a_stack_as_they_went_in(stack):
    networks, stacked = stack
    assert (len(stacked), stacked.bands) == (4, 3)
    for position, network in enumerate(networks):
        for name, value in single(stacked, position).state_dict().items():
            assert torch.equal(value, network.state_dict()[name]), name


def test_taken_networks_are_copies_and_stay_frozen(stack):
    networks, stacked = stack
    stacked.freeze([1, 5])
    taken = stacked.take(torch.tensor([2, 0]))
    assert torch.equal(taken.weights[1][0], networks[2].hidden[1].weight.T)
    assert [one.requires_grad for one in taken.weights] == [False, True, True, True, False]
    with torch.no_grad():
        taken.weights[1].zero_()
    assert stacked.weights[1].any()


def test_put_overwrites_the_networks_named_and_no_other(stack):
    networks, stacked = stack
    other = stack_networks([PhotometryNetwork(3).double()])
    stacked.put(torch.tensor([1]), other)
    assert torch.equal(stacked.weights[2][1], other.weights[2][0])
    assert torch.equal(stacked.weights[2][0], networks[0].hidden[2].weight.T)
