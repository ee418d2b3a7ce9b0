"""The network is the paper's."""

import math

import pytest
import torch

from transferz.baselines.networks import PhotometryNetwork, count_weights


def test_with_five_bands_it_has_the_papers_number_of_weights():
    assert count_weights(PhotometryNetwork(5)) == 122_006


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
    for layer in (*network.hidden, network.head):
        limit = math.sqrt(6 / (layer.in_features + layer.out_features))
        assert not layer.bias.any()
        assert layer.weight.abs().max() <= limit
        if layer.weight.numel() > 10_000:
            assert layer.weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.02)


def test_a_seed_fixes_the_weights():
    first, again, other = (
        PhotometryNetwork(5, torch.Generator().manual_seed(seed)).head.weight for seed in (4, 4, 5)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
