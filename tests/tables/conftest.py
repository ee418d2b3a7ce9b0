"""Clients of a Hub on loopback, as the loaders' tests have them."""

from hub_fixtures import client, hub, next_release, real_release

__all__ = ["client", "hub", "next_release", "real_release"]
