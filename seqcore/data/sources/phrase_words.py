"""Vocabulary of the phrase generator: English and French words with their grammatical properties."""

from __future__ import annotations

from typing import NamedTuple

from seqcore.data.sources.english import EnglishVerb
from seqcore.data.sources.french import Adjective, Noun, Verb

__all__ = [
    "ADJECTIVES",
    "INTRANSITIVE",
    "LASTING",
    "MODALS",
    "MOTIONS",
    "NOUNS",
    "OWNERS",
    "SUBJECTS",
    "TRANSITIVE",
    "VERBS",
    "Subject",
]


class Subject(NamedTuple):
    """Who does it: in both languages, the person (0 to 5) of the French verb, and how French participles agree."""

    english: str
    french: tuple[str, ...]
    person: int
    feminine: bool = False

    @property
    def plural(self) -> bool:
        """Several people."""
        return self.person > 2

    @property
    def third(self) -> bool:
        """The English verb has its s."""
        return self.person == 2


SUBJECTS = (
    Subject("I", ("je",), 0),
    Subject("you", ("tu",), 1),
    Subject("he", ("il",), 2),
    Subject("she", ("elle",), 2, feminine=True),
    Subject("we", ("nous",), 3),
    Subject("you all", ("vous",), 4),
    Subject("they", ("ils",), 5),
    Subject("Tom", ("Tom",), 2),
    Subject("Marie", ("Marie",), 2, feminine=True),
    Subject("Anne", ("Anne",), 2, feminine=True),
    Subject("Paul and Julie", ("Paul", "et", "Julie"), 5),
)
OWNERS = {"my": "my", "your": "your", "his": "his", "her": "his", "our": "our", "their": "their"}

# English singular [/ plural]: French singular [/ plural], "f" feminine, "m" masculine, "u" not counted
_NOUNS = {
    "thing": """car: voiture f; bicycle: vélo m; key: clé f; table: table f; chair: chaise f; bag: sac m
        hat: chapeau m
        shirt: chemise f; shoe: chaussure f; coat: manteau m; dress / dresses: robe f; watch / watches: montre f
        phone: téléphone m; computer: ordinateur m; camera: appareil photo / appareils photo m; box / boxes: boîte f
        bottle: bouteille f; knife / knives: couteau m; glass / glasses: verre m; plate: assiette f
        umbrella: parapluie m; ticket: billet m; gift: cadeau m; toy: jouet m; boat: bateau m; guitar: guitare f
        tree: arbre m; flower: fleur f; lamp: lampe f; bed: lit m; tool: outil m; picture: image f
        mirror: miroir m""",
    "food": """apple: pomme f; cake: gâteau m; egg: œuf m; carrot: carotte f; banana: banane f
        potato / potatoes: pomme de terre / pommes de terre f; tomato / tomatoes: tomate f
        sandwich / sandwiches: sandwich m
        pear: poire f; bean: haricot m; onion: oignon m; lemon: citron m
        bread: pain mu; cheese: fromage mu; soup: soupe fu; meat: viande fu; rice: riz mu; oil: huile fu
        sugar: sucre mu""",
    "drink": """water: eau fu; milk: lait mu; coffee: café mu; tea: thé mu; wine: vin mu; juice: jus mu
        beer: bière fu""",
    "text": """book: livre m; letter: lettre f; newspaper: journal m; story / stories: histoire f; message: message m
        poem: poème m; article: article m; song: chanson f""",
    "person": """man / men: homme m; woman / women: femme f; boy: garçon m; girl: fille f; child / children: enfant m
        teacher: professeur m; doctor: médecin m; friend: ami m; brother: frère m; sister: sœur f; mother: mère f
        father: père m; uncle: oncle m; aunt: tante f; student: étudiant m; king: roi m; queen: reine f
        baker: boulanger m; nurse: infirmière f; hero / heroes: héros m; actress / actresses: actrice f""",
    "animal": """cat: chat m; dog: chien m; bird: oiseau m; horse: cheval m; cow: vache f; rabbit: lapin m
        mouse / mice: souris f
        elephant: éléphant m; duck: canard m""",
    "place": """market: marché m; school: école f; beach / beaches: plage f; station: gare f; bank: banque f
        hospital: hôpital m; hotel: hôtel m; church / churches: église f; museum: musée m; park: parc m
        city / cities: ville f; village: village m; garden: jardin m; office: bureau m
        library / libraries: bibliothèque f; bakery / bakeries: boulangerie f; restaurant: restaurant m
        cinema: cinéma m; airport: aéroport m; theatre: théâtre m; factory / factories: usine f; castle: château m""",
    "opening": """door: porte f; window: fenêtre f; box / boxes: boîte f; bottle: bouteille f; bag: sac m
        gift: cadeau m""",
    "part of a place": "door: porte f; window: fenêtre f; roof: toit m; owner: propriétaire m",
    "what it has": "price: prix m; colour: couleur f; shape: forme f; name: nom m; size: taille f; origin: origine f",
}


def _nouns(lines: str) -> dict[str, tuple[str, Noun]]:
    """English singular -> (English plural, the French noun)."""
    found = {}
    for line in lines.replace("\n", ";").split(";"):
        english, _, french = line.strip().partition(": ")
        singular, _, plural = english.partition(" / ")
        words, _, kind = french.rpartition(" ")
        one, _, many = words.partition(" / ")
        found[singular] = (plural or f"{singular}s", Noun(one, "f" in kind, many, mass="u" in kind))
    return found


NOUNS = {kind: _nouns(lines) for kind, lines in _NOUNS.items()}

# English: French, and whom or what it is said of
_ADJECTIVES = """red: rouge thing; blue: bleu thing; green: vert thing; black: noir thing animal
    white: blanc/blanche thing animal
    yellow: jaune thing; small: petit< thing animal place food; big: grand< thing animal place
    beautiful: beau/belle<bel thing animal place; old: vieux/vieille<vieil thing animal place text
    new: nouveau/nouvelle<nouvel thing place text; good: bon/bonne< food drink text; bad: mauvais< food drink text
    expensive: cher/chère thing food drink; strange: étrange thing animal place text food; clean: propre thing place
    dirty: sale thing animal place; heavy: lourd thing; empty: vide place; interesting: intéressant text place
    long: long/longue< text; easy: facile text; difficult: difficile text; famous: célèbre text place
    hot: chaud food drink; cold: froid food drink; delicious: délicieux/délicieuse food drink
        quiet: calme place animal
    happy: heureux/heureuse person; sad: triste person; tired: fatigué person; ready: prêt person; sick: malade person
    kind: gentil/gentille person; funny: drôle person; strong: fort person; rich: riche person; poor: pauvre person
    serious: sérieux/sérieuse person; lazy: paresseux/paresseuse person; proud: fier/fière person
    intelligent: intelligent person; curious: curieux/curieuse person; young: jeune person; alone: seul person
    brave: courageux/courageuse person; patient: patient person; polite: poli person; busy: occupé person"""


def _adjectives(lines: str) -> dict[str, tuple[Adjective, tuple[str, ...]]]:
    found = {}
    for line in lines.replace("\n", ";").split(";"):
        english, _, rest = line.strip().partition(": ")
        french, *kinds = rest.split()
        forms, before, vowel = french.partition("<")
        masculine, _, feminine = forms.partition("/")
        found[english] = (Adjective(masculine, feminine, before == "<", vowel), tuple(kinds))
    return found


ADJECTIVES = _adjectives(_ADJECTIVES)


def _irregular(infinitive: str, present: str, participle: str, future: str, *, with_be: bool = False) -> Verb:
    return Verb(infinitive, tuple(present.split()), participle, future, with_be)


_VOIR = _irregular("voir", "vois vois voit voyons voyez voient", "vu", "verr")
_OUVRIR = _irregular("ouvrir", "ouvre ouvres ouvre ouvrons ouvrez ouvrent", "ouvert", "ouvrir")
_BOIRE = _irregular("boire", "bois bois boit buvons buvez boivent", "bu", "boir")
_LIRE = _irregular("lire", "lis lis lit lisons lisez lisent", "lu", "lir")
_ECRIRE = _irregular("écrire", "écris écris écrit écrivons écrivez écrivent", "écrit", "écrir")
_DECRIRE = _irregular("décrire", "décris décris décrit décrivons décrivez décrivent", "décrit", "décrir")
_RECEVOIR = _irregular("recevoir", "reçois reçois reçoit recevons recevez reçoivent", "reçu", "recevr")
_PEINDRE = _irregular("peindre", "peins peins peint peignons peignez peignent", "peint", "peindr")
_ENVOYER = _irregular("envoyer", "envoie envoies envoie envoyons envoyez envoient", "envoyé", "enverr")
_COMPRENDRE = _irregular(
    "comprendre", "comprends comprends comprend comprenons comprenez comprennent", "compris", "comprendr"
)
_SUIVRE = _irregular("suivre", "suis suis suit suivons suivez suivent", "suivi", "suivr")
_SERVIR = _irregular("servir", "sers sers sert servons servez servent", "servi", "servir")
_DORMIR = _irregular("dormir", "dors dors dort dormons dormez dorment", "dormi", "dormir")
_COURIR = _irregular("courir", "cours cours court courons courez courent", "couru", "courr")
_RIRE = _irregular("rire", "ris ris rit rions riez rient", "ri", "rir")
_ALLER = _irregular("aller", "vais vas va allons allez vont", "allé", "ir", with_be=True)
_VENIR = _irregular("venir", "viens viens vient venons venez viennent", "venu", "viendr", with_be=True)
_PARTIR = _irregular("partir", "pars pars part partons partez partent", "parti", "partir", with_be=True)
_SOURIRE = _irregular("sourire", "souris souris sourit sourions souriez sourient", "souri", "sourir")

VERBS = {
    "be": _irregular("être", "suis es est sommes êtes sont", "été", "ser"),
    "have": _irregular("avoir", "ai as a avons avez ont", "eu", "aur"),
    "want": _irregular("vouloir", "veux veux veut voulons voulez veulent", "voulu", "voudr"),
    "like": Verb.regular("aimer"),
    "think": Verb.regular("penser"),
    "know": _irregular("savoir", "sais sais sait savons savez savent", "su", "saur"),
    "say": _irregular("dire", "dis dis dit disons dites disent", "dit", "dir"),
}
MODALS = {
    "want to": VERBS["want"],
    "like to": VERBS["like"],
    "can": _irregular("pouvoir", "peux peux peut pouvons pouvez peuvent", "pu", "pourr"),
    "must": _irregular("devoir", "dois dois doit devons devez doivent", "dû", "devr"),
}

_BUYABLE = ("thing", "food", "drink", "text")
# English base/past: the French verb, and what it is done to
_TRANSITIVE: tuple[tuple[str, str | Verb, tuple[str, ...]], ...] = (
    ("see/saw", _VOIR, ("thing", "person", "animal", "place")),
    ("buy/bought", "acheter", _BUYABLE),
    ("sell/sold", "vendre", _BUYABLE),
    ("find/found", "trouver", ("thing", "animal", "text")),
    ("look for/looked for", "chercher", ("thing", "person", "animal", "place")),
    ("lose/lost", "perdre", ("thing", "text")),
    ("choose/chose", "choisir", ("thing", "food", "text")),
    ("carry/carried", "porter", ("thing",)),
    ("bring/brought", "apporter", ("thing", "food", "drink")),
    ("prefer/preferred", "préférer", ("food", "drink", "thing")),
    ("receive/received", _RECEVOIR, ("thing", "text")),
    ("hide/hid", "cacher", ("thing", "text")),
    ("use/used", "utiliser", ("thing",)),
    ("break/broke", "casser", ("thing",)),
    ("repair/repaired", "réparer", ("thing",)),
    ("wash/washed", "laver", ("thing", "food", "animal")),
    ("clean/cleaned", "nettoyer", ("thing",)),
    ("paint/painted", _PEINDRE, ("thing", "animal", "person")),
    ("draw/drew", "dessiner", ("thing", "animal", "person", "food")),
    ("forget/forgot", "oublier", ("thing", "text")),
    ("describe/described", _DECRIRE, ("thing", "person", "animal", "place")),
    ("admire/admired", "admirer", ("thing", "person", "animal")),
    ("touch/touched", "toucher", ("thing", "animal")),
    ("throw/threw", "jeter", ("thing",)),
    ("share/shared", "partager", ("food", "drink")),
    ("hate/hated", "détester", ("food", "drink", "text")),
    ("love/loved", "adorer", ("food", "drink", "person", "animal", "text")),
    ("eat/ate", "manger", ("food",)),
    ("prepare/prepared", "préparer", ("food", "drink")),
    ("taste/tasted", "goûter", ("food", "drink")),
    ("serve/served", _SERVIR, ("food", "drink")),
    ("drink/drank", _BOIRE, ("drink",)),
    ("read/read", _LIRE, ("text",)),
    ("write/wrote", _ECRIRE, ("text",)),
    ("send/sent", _ENVOYER, ("text",)),
    ("understand/understood", _COMPRENDRE, ("text", "person")),
    ("finish/finished", "finir", ("text",)),
    ("begin/began", "commencer", ("text",)),
    ("help/helped", "aider", ("person", "animal")),
    ("call/called", "appeler", ("person", "animal")),
    ("wait for/waited for", "attendre", ("person",)),
    ("hear/heard", "entendre", ("person", "animal")),
    ("invite/invited", "inviter", ("person",)),
    ("meet/met", "rencontrer", ("person",)),
    ("listen to/listened to", "écouter", ("person",)),
    ("follow/followed", _SUIVRE, ("person", "animal")),
    ("thank/thanked", "remercier", ("person",)),
    ("visit/visited", "visiter", ("place",)),
    ("observe/observed", "observer", ("person", "animal")),
    ("open/opened", _OUVRIR, ("opening",)),
    ("close/closed", "fermer", ("opening",)),
)


def _verb(english: str, french: str | Verb, *, with_be: bool = False) -> tuple[EnglishVerb, Verb]:
    base, _, past = english.partition("/")
    return EnglishVerb(base, past), french if isinstance(french, Verb) else Verb.regular(french, with_be=with_be)


LASTING = frozenset({"prefer", "hate", "love", "understand", "lose", "forget", "break"})
"""What one does not do at a time, or wish to do."""
TRANSITIVE = tuple((*_verb(english, french), kinds) for english, french, kinds in _TRANSITIVE)

# without an object; said of people
INTRANSITIVE = (
    *(
        _verb(english, french)
        for english, french in (
            ("sing/sang", "chanter"), ("dance/danced", "danser"), ("work/worked", "travailler"),
            ("sleep/slept", _DORMIR), ("run/ran", _COURIR), ("laugh/laughed", _RIRE), ("cry/cried", "pleurer"),
            ("swim/swam", "nager"),
            ("smile/smiled", _SOURIRE), ("travel/travelled", "voyager"), ("speak/spoke", "parler"),
            ("play/played", "jouer"),
            ("walk/walked", "marcher"), ("breathe/breathed", "respirer"), ("shout/shouted", "crier"),
            ("dream/dreamt", "rêver"), ("hesitate/hesitated", "hésiter"),
        )
    ),
    _verb("leave/left", _PARTIR),
    _verb("fall/fell", "tomber", with_be=True),
)  # fmt: skip

# English, French verb and preposition
MOTIONS = (
    (*_verb("go to/went to", _ALLER), ("à",)),
    (*_verb("come from/came from", _VENIR), ("de",)),
    (*_verb("return to/returned to", "retourner", with_be=True), ("à",)),
    (*_verb("stay at/stayed at", "rester", with_be=True), ("à",)),
    (*_verb("arrive at/arrived at", "arriver", with_be=True), ("à",)),
    (*_verb("walk to/walked to", "marcher"), ("jusque", "à")),
)
