"""Errors of the crawler."""


class CrawlerError(Exception):
    """Root of the crawler's errors. The message says what is wrong, and where."""


class ListingError(CrawlerError):
    """A response is not a list: nothing on the page could be read."""


class ExtractionError(CrawlerError):
    """No article was found on a page."""


class GoneError(ExtractionError):
    """A page with status 200 says that the article does not exist."""


class MovedError(ExtractionError):
    """A page is the page of another article. The message is the evidence.

    :ivar docid: of the other article
    """

    def __init__(self, docid: str, evidence: str) -> None:
        super().__init__(evidence)
        self.docid = docid


class CodingError(CrawlerError):
    """The content coding of a response cannot be undone."""


class UnknownCodingError(CodingError):
    """A response has a content coding that was not asked for."""


class TornError(CodingError):
    """A response was damaged on its way: its content coding cannot be undone, or does not end."""


class RedirectError(CrawlerError):
    """A redirect leads to an address that is none."""


class TooLargeError(CrawlerError):
    """A page exceeds the size limit."""


class ParserUnavailableError(CrawlerError):
    """No parser process can be started, or the pool is closed."""
