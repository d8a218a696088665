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


# infinitive: present, past participle, stem of the future, and "être" if it forms the past
_IRREGULAR = """
    voir: vois vois voit voyons voyez voient, vu, verr
    ouvrir: ouvre ouvres ouvre ouvrons ouvrez ouvrent, ouvert, ouvrir
    boire: bois bois boit buvons buvez boivent, bu, boir
    lire: lis lis lit lisons lisez lisent, lu, lir
    écrire: écris écris écrit écrivons écrivez écrivent, écrit, écrir
    décrire: décris décris décrit décrivons décrivez décrivent, décrit, décrir
    recevoir: reçois reçois reçoit recevons recevez reçoivent, reçu, recevr
    peindre: peins peins peint peignons peignez peignent, peint, peindr
    envoyer: envoie envoies envoie envoyons envoyez envoient, envoyé, enverr
    comprendre: comprends comprends comprend comprenons comprenez comprennent, compris, comprendr
    suivre: suis suis suit suivons suivez suivent, suivi, suivr
    servir: sers sers sert servons servez servent, servi, servir
    dormir: dors dors dort dormons dormez dorment, dormi, dormir
    courir: cours cours court courons courez courent, couru, courr
    rire: ris ris rit rions riez rient, ri, rir
    aller: vais vas va allons allez vont, allé, ir, être
    venir: viens viens vient venons venez viennent, venu, viendr, être
    partir: pars pars part partons partez partent, parti, partir, être
    sourire: souris souris sourit sourions souriez sourient, souri, sourir
    être: suis es est sommes êtes sont, été, ser
    avoir: ai as a avons avez ont, eu, aur
    vouloir: veux veux veut voulons voulez veulent, voulu, voudr
    savoir: sais sais sait savons savez savent, su, saur
    dire: dis dis dit disons dites disent, dit, dir
    pouvoir: peux peux peut pouvons pouvez peuvent, pu, pourr
    devoir: dois dois doit devons devez doivent, dû, devr
"""
_WITH_BE = frozenset({"tomber", "retourner", "rester", "arriver"})  # regular verbs whose past is formed with être


def _irregular(line: str) -> Verb:
    infinitive, _, forms = line.strip().partition(": ")
    present, participle, future, *with_be = forms.split(", ")
    return Verb(infinitive, tuple(present.split()), participle, future, bool(with_be))


_VERBS = {verb.infinitive: verb for verb in map(_irregular, _IRREGULAR.strip().splitlines())}


def _french_verb(infinitive: str) -> Verb:
    return _VERBS.get(infinitive) or Verb.regular(infinitive, with_be=infinitive in _WITH_BE)


VERBS = {
    english: _french_verb(french)
    for english, french in zip(
        ("be", "have", "want", "like", "think", "know", "say"),
        ("être", "avoir", "vouloir", "aimer", "penser", "savoir", "dire"),
        strict=True,
    )
}
MODALS = {"want to": VERBS["want"], "like to": VERBS["like"], "can": _VERBS["pouvoir"], "must": _VERBS["devoir"]}


def _verb_list(lines: str) -> tuple[tuple[EnglishVerb, Verb, tuple[str, ...]], ...]:
    """From "base/past french: words; ...", the words being kinds of objects or prepositions."""
    found = []
    for entry in " ".join(lines.split()).split("; "):
        verbs, _, words = entry.partition(": ")
        english, _, french = verbs.rpartition(" ")
        base, _, past = english.partition("/")
        found.append((EnglishVerb(base, past), _french_verb(french), tuple(words.split())))
    return tuple(found)


LASTING = frozenset({"prefer", "hate", "love", "understand", "lose", "forget", "break"})
"""Verbs that are not used with a time or a wish."""
TRANSITIVE = _verb_list("""
    see/saw voir: thing person animal place; buy/bought acheter: thing food drink text; sell/sold vendre: thing food
    drink text; find/found trouver: thing animal text; look for/looked for chercher: thing person animal place;
    lose/lost perdre: thing text; choose/chose choisir: thing food text; carry/carried porter: thing; bring/brought
    apporter: thing food drink; prefer/preferred préférer: food drink thing; receive/received recevoir: thing text;
    hide/hid cacher: thing text; use/used utiliser: thing; break/broke casser: thing; repair/repaired réparer:
    thing; wash/washed laver: thing food animal; clean/cleaned nettoyer: thing; paint/painted peindre: thing animal
    person; draw/drew dessiner: thing animal person food; forget/forgot oublier: thing text; describe/described
    décrire: thing person animal place; admire/admired admirer: thing person animal; touch/touched toucher: thing
    animal; throw/threw jeter: thing; share/shared partager: food drink; hate/hated détester: food drink text;
    love/loved adorer: food drink person animal text; eat/ate manger: food; prepare/prepared préparer: food drink;
    taste/tasted goûter: food drink; serve/served servir: food drink; drink/drank boire: drink; read/read lire:
    text; write/wrote écrire: text; send/sent envoyer: text; understand/understood comprendre: text person;
    finish/finished finir: text; begin/began commencer: text; help/helped aider: person animal; call/called appeler:
    person animal; wait for/waited for attendre: person; hear/heard entendre: person animal; invite/invited inviter:
    person; meet/met rencontrer: person; listen to/listened to écouter: person; follow/followed suivre: person
    animal; thank/thanked remercier: person; visit/visited visiter: place; observe/observed observer: person animal;
    open/opened ouvrir: opening; close/closed fermer: opening
""")
# without an object; the subject is a person
INTRANSITIVE = tuple(verb[:2] for verb in _verb_list("""
    sing/sang chanter; dance/danced danser; work/worked travailler; sleep/slept dormir; run/ran courir;
    laugh/laughed rire; cry/cried pleurer; swim/swam nager; smile/smiled sourire; travel/travelled voyager;
    speak/spoke parler; play/played jouer; walk/walked marcher; breathe/breathed respirer; shout/shouted crier;
    dream/dreamt rêver; hesitate/hesitated hésiter; leave/left partir; fall/fell tomber
"""))  # fmt: skip
MOTIONS = _verb_list("""
    go to/went to aller: à; come from/came from venir: de; return to/returned to retourner: à; stay at/stayed at
    rester: à; arrive at/arrived at arriver: à; walk to/walked to marcher: jusque à
""")
