"""The physics: bands and filter curves, flux and magnitude, templates, the template-fit photo-z.

``bands``, ``flux``, ``dust``, ``igm`` and ``cosmology`` are the ingredients; ``templates`` and
``stars`` the spectra; ``synthesis`` turns spectra into band fluxes. On these stand two grids:
``grid`` for the fluxes of any galaxy (the mock) and ``models`` for the fit. ``fit`` does the fit,
with ``measurements`` before it and ``pdf`` after it; ``offsets`` calibrates bands.
"""
