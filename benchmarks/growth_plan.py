"""What the measured growth means for whole surveys: core hours, disk, memory, cost.

The rates of a step are those of the largest size in ``growth.json`` that it was measured at;
nothing is measured here. What is assumed stands in this file, in capitals. Run as
``python benchmarks/growth.py --plan``.
"""

from typing import Any

from growth import STEPS, growth

SURVEYS = {
    "HSC-Wide, 4e8 objects (assumed)": 4e8,
    "Rubin, first years, 4e9 (assumed)": 4e9,
    "Rubin, year 10, 2e10 (assumed)": 2e10,
}
CORES = 2  # of the machine that was measured: its rates are those of so many
MEMORY_GB = 256  # of the machine that is planned with (assumed)
PRICE_CORE_HOUR, PRICE_GB_MONTH = 0.05, 0.02  # USD (assumed)
OF_THE_CATALOGUE = ("select", "match_lsdb", "predict")
"""Steps on every object of the photometry; the others see the labelled ones alone."""

BOUNDED = ("select", "predict")
"""Steps whose memory is that of some rows at a time, whatever the size: docs/scale.md."""

PARTITION_BYTES = 40
"""Of a row in a partition, margins included: three numbers and the index, before compression."""


def main(measured: dict[str, Any]) -> None:
    """Print the plan."""
    figures = {
        int(rows): found for rows, found in sorted(measured.items(), key=lambda one: int(one[0]))
    }
    sizes = {step: [n for n, one in figures.items() if step in one["steps"]] for step in STEPS}
    largest = {step: known[-1] for step, known in sizes.items()}
    found = {step: figures[rows]["steps"][step] for step, rows in largest.items()}
    per_row = {step: found[step]["seconds"] / rows for step, rows in largest.items()}
    disk = figures[max(figures)]["bytes_per_row"]["ingest"] + PARTITION_BYTES
    print(f"{'the whole catalogue':<36}{'core hours':>12}{'disk':>10}{'cost':>12}")
    for name, rows in SURVEYS.items():
        hours = sum(per_row[step] for step in OF_THE_CATALOGUE) * rows * CORES / 3600
        terabytes = disk * rows / 1e12
        cost = hours * PRICE_CORE_HOUR + terabytes * 1e3 * PRICE_GB_MONTH
        print(f"{name:<36}{hours:>12,.0f}{terabytes:>7,.2f} TB{cost:>8,.0f} USD")
    print(
        f"\n{'step':<12}{'measured rows':>15}{'core hours for 4e8':>20}{'memory per row':>17}"
        f"{f'rows in {MEMORY_GB} GB':>17}"
    )
    for step, rows in largest.items():
        hours, memory = per_row[step] * 4e8 * CORES / 3600, growth(figures, step)["bytes_per_row"]
        if step in BOUNDED:
            print(f"{step:<12}{rows:>15,}{hours:>20,.1f}{'bounded':>17}{'any':>17}")
            continue
        most = (MEMORY_GB * 2**30 - found[step]["base_mb"] * 2**20) / max(memory, 1)
        print(f"{step:<12}{rows:>15,}{hours:>20,.1f}{memory:>15,} B{most:>17.1e}")
