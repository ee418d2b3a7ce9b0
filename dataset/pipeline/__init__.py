"""What all stages share: layout, parameters, cuts, counts, audits."""
