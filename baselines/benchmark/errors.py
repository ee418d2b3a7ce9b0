"""What is said where a method's own code fails."""

import traceback

from transferz.schemas.errors import TransferZError


class MethodError(TransferZError):
    """A method that can't be run: its code failed, or what it returned is no forecast.

    Its cause is what the method's code raised, where it raised something.
    """


def failure(what: str, error: BaseException) -> MethodError:
    """Say which call failed, with the traceback in the method's own code.

    Parameters
    ----------
    what : str
        The method and the call, such as ``k-NN: fit, seed 3``.
    error : BaseException
        What the call raised; one of ours has a text for the user, and needs no traceback.
    """
    if isinstance(error, TransferZError):
        return MethodError(f"{what}: {error}")
    inner = error.__traceback__.tb_next if error.__traceback__ else None
    lines = "".join(traceback.format_exception(type(error), error, inner)).rstrip()
    reason = " ".join(str(error).split()) or "no reason given"
    return MethodError(f"{what} raised {type(error).__name__}: {reason}\n{lines}")
