"""The version of the code that is installed; a release has one of its own."""

from importlib import metadata

__version__ = metadata.version("transferz")
