"""The exceptions that transferz raises on purpose."""


class TransferZError(Exception):
    """Base of every error that transferz raises on purpose.

    Its text is one sentence or two for the user: which file, column or parameter, what was
    expected, what was found, and what to do about it.
    """


class InputError(TransferZError):
    """A file that is missing, unreadable or not what it claims to be."""


class SchemaError(TransferZError):
    """A table that breaks its declaration in `transferz.schemas`."""


class ParameterError(TransferZError):
    """A parameter that is unknown, missing or out of its range."""


class ReleaseError(TransferZError):
    """A dataset release that is absent, damaged or not the one asked for."""
