"""The sections of a release's card, each from the manifest; `transferz.dataset.page.card_text` joins."""
