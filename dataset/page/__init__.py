"""The sections of a release's card, each from the manifest; `transferz.dataset.card_text` joins."""
