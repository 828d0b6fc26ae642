"""What each check of the verifier compares with what, for :mod:`stir.explain`; nothing is decided here."""
