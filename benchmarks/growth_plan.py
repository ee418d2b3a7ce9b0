"""What the measured growth means for whole surveys: core hours, disk, memory, cost.

The rates are those of the largest size in ``growth.json``; nothing is measured here. What is
assumed stands in this file, in capitals. Run as ``python benchmarks/growth.py --plan``.
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

PARTITION_BYTES = 40
"""Of a row in a partition, margins included: three numbers and the index, before compression."""


def main(measured: dict[str, Any]) -> None:
    """Print the plan."""
    figures = {int(rows): found for rows, found in measured.items()}
    largest = max(figures)
    steps = figures[largest]["steps"]
    per_row = {step: growth(figures, step)["bytes_per_row"] for step in STEPS if step in steps}
    print(f"Rates of {largest:,} rows on {CORES} cores.\n")
    disk = figures[largest]["bytes_per_row"]["ingest"] + PARTITION_BYTES
    print(f"{'the whole catalogue':<36}{'core hours':>12}{'disk':>10}{'cost':>12}")
    for name, rows in SURVEYS.items():
        seconds = sum(steps[step]["seconds"] for step in OF_THE_CATALOGUE) / largest * rows
        hours, terabytes = seconds * CORES / 3600, disk * rows / 1e12
        cost = hours * PRICE_CORE_HOUR + terabytes * 1e3 * PRICE_GB_MONTH
        print(f"{name:<36}{hours:>12,.0f}{terabytes:>7,.2f} TB{cost:>8,.0f} USD")
    print(f"\n{'step':<12}{'core hours for 4e8':>20}{'memory per row':>17}{'rows in 256 GB':>17}")
    for step in per_row:
        hours = steps[step]["seconds"] / largest * 4e8 * CORES / 3600
        most = (MEMORY_GB * 2**30 - steps[step]["base_mb"] * 2**20) / max(per_row[step], 1)
        print(f"{step:<12}{hours:>20,.1f}{per_row[step]:>15,} B{most:>17.1e}")
