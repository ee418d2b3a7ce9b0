"""The sections of a release's card, each from the manifest; `card_text` joins them."""
