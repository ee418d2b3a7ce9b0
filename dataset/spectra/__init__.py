"""Published redshift catalogues, brought to one table with one scale of quality."""
