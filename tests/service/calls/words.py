"""What callers say in these tests.

Many callers use the few sentences.  Each is synthesised once, by a voice that the service does not use.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tourist:
    """A caller of one language: key of the menu, prefix of the number, question, its intent, and farewell."""

    lang: str
    key: str
    prefix: str
    question: str
    intent: str
    farewell: str
    voice: str | None = None


FRENCH = Tourist(
    "fr", "1", "+336", "Bonjour, c'est combien pour monter à la tour Eiffel ?", "eiffel.price",
    "Non merci, au revoir.",
)  # fmt: skip
ENGLISH = Tourist(
    "en", "2", "+447", "Hello, do I need to book to visit Notre-Dame?", "notredame.access",
    "No, thank you. Goodbye.",
)  # fmt: skip
SPANISH = Tourist(
    "es", "3", "+346", "¿Cuánto cuesta subir a la torre Eiffel?", "eiffel.price", "No, gracias. Adiós."
)
GERMAN = Tourist(
    "de", "4", "+491", "Muss ich für Notre-Dame reservieren?", "notredame.access",
    "Nein danke, auf Wiederhören.", "if_sara",
)  # fmt: skip
ITALIAN = Tourist(
    "it", "5", "+393", "Quanto costa salire sulla torre Eiffel?", "eiffel.price", "No grazie, arrivederci."
)
TOURISTS = (FRENCH, ENGLISH, SPANISH, GERMAN, ITALIAN)

ENGLISH_PLEASE = "English, please."
SPANISH_PLEASE = "Español, por favor."
IN_GERMAN = "In German, please."
FIRST_HALF, SECOND_HALF = "Do I need to book a ticket", "to visit Notre-Dame?"
EIFFEL_PRICE = "How much are tickets for the Eiffel Tower?"
MORE_SLOWLY = "More slowly, please."
NONSENSE_FR = ("Quelle est la recette de la ratatouille ?", "Qui a gagné la coupe du monde de football ?")
MESSAGE_ES = "Me llamo Carmen Ruiz y he perdido mi paraguas azul en el metro."
AGAIN_ES = "Soy Carmen, llámeme mañana por la tarde."
LEAVE_MESSAGE_ES = "Quiero dejar un mensaje."
LEAVE_MESSAGE_EN = "I would like to leave a message."
MESSAGE_EN = (
    "This is Peter Miller. I lost my red umbrella on the metro. Please call me back tomorrow morning."
)
URGENT_EN = "This is Peter Miller. My passport was stolen at the hotel. Please call me back."
ADVISER_EN = "Hello, this is the tourist office. How can I help you today?"
HEART_ATTACK = "My husband is having a heart attack!"
AU_SECOURS = "Au secours, ma femme fait un malaise !"

SPOKEN: tuple[tuple[str, str, str | None], ...] = (
    *((one.lang, text, one.voice) for one in TOURISTS for text in (one.question, one.farewell)),
    *(("en", text, None) for text in (
        ENGLISH_PLEASE, IN_GERMAN, FIRST_HALF, SECOND_HALF, EIFFEL_PRICE, MORE_SLOWLY, LEAVE_MESSAGE_EN,
        MESSAGE_EN, URGENT_EN, ADVISER_EN, HEART_ATTACK,
    )),
    *(("es", text, None) for text in (SPANISH_PLEASE, MESSAGE_ES, AGAIN_ES, LEAVE_MESSAGE_ES)),
    *(("fr", text, None) for text in (*NONSENSE_FR, AU_SECOURS)),
)  # fmt: skip
