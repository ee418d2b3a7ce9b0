-- HSC-SSP PDR2: the objects of the COSMOS field, for transferz (catalogue 'hsc', edition hsc_pdr2).
--
-- Run it where the archive takes SQL (https://hsc-release.mtk.nao.ac.jp/datasearch/, an account is
-- needed), choose PDR2, and download the result as CSV, gzipped CSV or FITS. About 10^6 rows are
-- expected (our estimate).
--
-- Cuts are not made here: objects that are not primary, shallow, flagged, point-like or unmeasured
-- come along, and the stage `select` leaves them out and counts them, cut by cut. Only the field is
-- restricted, to 0.01 deg within the range that ingest accepts
-- (transferz.schemas.survey.catalogues.COSMOS_FIELD).
--
-- Second-hand, from public queries: that all of these columns lie in the table `forced`; that
-- pdr2_wide holds objects of the COSMOS field; boxSearch(coord, ra from, to, dec from, to).
-- Our assumption: that TransferZ was made from pdr2_wide. Its ids are those of GalaxiesML, whose
-- photometry is PDR2's, and its depth is that at which photo-z methods will be used. For the deep
-- and ultradeep data write pdr2_dud in place of pdr2_wide; their ids are others.

SELECT
    object_id, ra, dec,
    g_cmodel_mag, r_cmodel_mag, i_cmodel_mag, z_cmodel_mag, y_cmodel_mag,
    g_cmodel_magsigma, r_cmodel_magsigma, i_cmodel_magsigma, z_cmodel_magsigma, y_cmodel_magsigma,
    isprimary, i_extendedness_value,
    g_inputcount_value, r_inputcount_value, i_inputcount_value, z_inputcount_value, y_inputcount_value,
    g_cmodel_flag, r_cmodel_flag, i_cmodel_flag, z_cmodel_flag, y_cmodel_flag,
    g_pixelflags_edge, g_pixelflags_bad, g_pixelflags_saturatedcenter,
    g_pixelflags_interpolatedcenter, g_pixelflags_bright_object, g_pixelflags_bright_objectcenter,
    r_pixelflags_edge, r_pixelflags_bad, r_pixelflags_saturatedcenter,
    r_pixelflags_interpolatedcenter, r_pixelflags_bright_object, r_pixelflags_bright_objectcenter,
    i_pixelflags_edge, i_pixelflags_bad, i_pixelflags_saturatedcenter,
    i_pixelflags_interpolatedcenter, i_pixelflags_bright_object, i_pixelflags_bright_objectcenter,
    z_pixelflags_edge, z_pixelflags_bad, z_pixelflags_saturatedcenter,
    z_pixelflags_interpolatedcenter, z_pixelflags_bright_object, z_pixelflags_bright_objectcenter,
    y_pixelflags_edge, y_pixelflags_bad, y_pixelflags_saturatedcenter,
    y_pixelflags_interpolatedcenter, y_pixelflags_bright_object, y_pixelflags_bright_objectcenter
FROM
    pdr2_wide.forced
WHERE
    boxSearch(coord, 148.61, 151.59, 0.71, 3.69)
;
