"""What all figures share: colours for everyone's eyes, and bytes that repeat on any machine."""

import io
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = MappingProxyType({"transferz": "#0072B2", "galaxiesml": "#D55E00", "combo": "#009E73"})
"""Of the configs in every figure: Okabe-Ito, colour-blind safe."""

_RUN_LENGTH = 3  # zlib's Z_RLE


def save_png(figure: "Figure", path: Path) -> None:
    """Write a figure as a palette PNG whose bytes do not depend on the machine.

    The compressor's match finder differs between processors and zlib builds; run-length coding
    does not, and suits flat graphics in a palette.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What to draw.
    path : Path
        Where to write it.
    """
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    image = Image.open(buffer).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    image.save(path, format="PNG", compress_type=_RUN_LENGTH)
