"""The crawler's root error."""


class CrawlerError(Exception):
    """Something the crawler was given is not what it should be; the message says what and where."""


class ListingError(CrawlerError):
    """An answer is not a list: the whole page of it could not be read."""


class ExtractionError(CrawlerError):
    """A page is not an article, as far as we can see."""


class GoneError(ExtractionError):
    """A page says, with status 200, that there is no such article."""


class TooLargeError(CrawlerError):
    """A page is larger than is allowed."""
