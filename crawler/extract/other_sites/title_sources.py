"""Sites whose pages state two titles: which of the two is the article's. Pure.

Many sites write one title for readers and another for search engines. Whether ``og:title`` or JSON-LD has the one for
readers is a habit of the site, so it is declared, by host. Subdomains belong to it. See D307.
"""

from __future__ import annotations

from crawler.extract.other_sites.metadata import PageMetadata

# Facts from fundus (github.com/flairNLP/fundus, src/fundus/publishers, commit 18da6e53): what has the title in the
# newest layout of each publisher. Left out are publishers whose title is elsewhere: in another meta element, in
# <title>, in an element of their own.

# The title is og:title.
OG_TITLE_HOSTS = (
    "20min.ch", "aftonbladet.se", "berliner-zeitung.de", "bild.de", "boersen-zeitung.de", "businessinsider.de",
    "canada.com", "dagbladet.no", "dailymail.co.uk", "db.no", "der-postillon.com", "derstandard.at", "euronews.com",
    "express.co.uk", "faktencheck.afp.com", "faz.net", "financialpost.com", "fr.de", "freiepresse.de", "freitag.de",
    "gamestar.de", "haberturk.com", "hessenschau.de", "jungewelt.de", "kicker.de", "klassegegenklasse.org",
    "krautreporter.de", "landesspiegel.li", "latimes.com", "lavanguardia.com", "lbcgroup.tv", "lefigaro.fr",
    "lemonde.fr", "lesechos.fr", "lestimes.com", "lrt.lt", "lto.de", "malaymail.com", "mallorcamagazin.com",
    "mallorcazeitung.es", "merkur.de", "mirror.co.uk", "motorsport-magazin.com", "n-tv.de", "namibian.com.na",
    "nationalpost.com", "nettavisen.no", "netzpolitik.org", "nrk.no", "ntv.com.tr", "occupydemocrats.com", "orf.at",
    "ottawacitizen.com", "publico.es", "repubblica.it", "rp-online.de", "ruhrnachrichten.de", "sankei.com",
    "spiegel.de", "sportschau.de", "standard.co.uk", "stern.de", "stuttgarter-zeitung.de", "tagesanzeiger.ch",
    "tagesschau.de", "tagesspiegel.de", "tageszeitung.it", "techcrunch.com", "telegraph.co.uk",
    "theglobeandmail.com", "thenation.com", "theprovince.com", "vg.no", "voanews.com", "vogue.de",
    "washingtonpost.com", "wdr.de", "winfuture.de", "wochenblatt.cc", "worldtruth.tv", "wort.lu", "yomiuri.co.jp",
    "zdf.de", "zdfheute.de",
)  # fmt: skip
# The title is the headline of JSON-LD.
HEADLINE_HOSTS = (
    "9news.com.au", "aa.com.tr", "abendblatt.de", "apnews.com", "bhaskar.com", "br.de", "braunschweiger-zeitung.de",
    "cbc.ca", "chunichi.co.jp", "citizen.co.za", "cnbc.com", "correctiv.org", "corriere.it", "dailymaverick.co.za",
    "dailynews.co.tz", "dailystar.co.uk", "diepresse.com", "dizindaba.co.za", "durbanlocal.co.za", "dw.com",
    "eldiario.es", "elmundo.es", "elpais.com", "expressen.se", "eyethunews.co.za", "focus.de", "foxnews.com",
    "freebeacon.com", "globalnews.ca", "habarileo.co.tz", "heise.de", "ilanganews.co.za", "ilgiornale.it",
    "independent.co.uk", "inews.co.uk", "isolezwe.co.za", "isolezwelesixhosa.co.za", "kleinezeitung.at",
    "kommersant.ru", "mbl.is", "mediaindonesia.com", "metro.co.uk", "mexiconewsdaily.com", "mk.co.kr",
    "morgenpost.de", "nature.com", "newyorker.com", "nieuwsblad.be", "nikkan-gendai.com", "nikkei.com",
    "nine.com.au", "politico.eu", "pravda.com.ua", "restofworld.org", "reuters.com", "rp.pl", "sermitsiaq.ag",
    "seznamzpravy.cz", "sn.at", "sueddeutsche.de", "tageblatt.lu", "taipeitimes.com", "techradar.com",
    "thegatewaypundit.com", "theguardian.com", "theintercept.com", "theportugalnews.com", "thesun.co.uk",
    "thewest.com.au", "timeslive.co.za", "timesofindia.indiatimes.com", "tokyo-np.co.jp", "vnexpress.net",
    "washingtontimes.com", "waz.de", "welt.de", "wired.com", "zeit.de",
)  # fmt: skip

_SELECTED = dict.fromkeys(OG_TITLE_HOSTS, "og_title") | dict.fromkeys(HEADLINE_HOSTS, "headline")


def declared_title(metadata: PageMetadata, host: str) -> str:
    """Return the statement of a page that is its title on that site; "" if none is declared, or the page lacks it.

    :param host: of the page, in lower case
    """
    labels = host.split(".")
    for start in range(len(labels)):
        match _SELECTED.get(".".join(labels[start:])):
            case "og_title":
                return metadata.og_title
            case "headline":
                return metadata.headline
    return ""
