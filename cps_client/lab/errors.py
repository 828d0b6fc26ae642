"""What goes wrong in the lab itself."""

from stir.errors import StirError


class LabError(StirError):
    """The pretend world could not be set up, or a part of it died."""

    code = "lab"
