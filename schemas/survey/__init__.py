"""The words of catalogues and releases: what the stages of a survey depend on."""
