"""How a sentence sounds: groups of two to four phonemes, for what a recogniser misheard sounds like what was said.

"l'étiquet" looks little like "les tickets" and sounds the same.  Rasa knows no phonemes: whoever asks, or trains,
writes them behind the words (``ivr.nlu.client.question``): ``les tickets | letikɛ``.  This stands first in the pipeline; for
all that follow the text is the words alone.
"""

from __future__ import annotations

import json
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.featurizer import Featurizer
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.feature_extraction.text import CountVectorizer

BAR = "|"
KNOWN = "groups.json"


def parted(text: str) -> tuple[str, str]:
    """The words and the sounds of a text; no sounds where it has no bar."""
    words, _, sounds = text.partition(BAR)
    return words.strip(), sounds.strip()


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class SoundFeaturizer(Featurizer, GraphComponent):
    """Counts each message's groups of phonemes, and takes the phonemes from its text."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``shortest`` and ``longest``: phonemes of a group."""
        return {**Featurizer.get_default_config(), "shortest": 2, "longest": 4}

    def __init__(
        self,
        config: dict[str, Any],
        name: str,
        storage: ModelStorage,
        resource: Resource,
        known: dict[str, int],
    ) -> None:
        super().__init__(name, config)
        self._storage, self._resource = storage, resource
        self._counts = self._counter(known)

    def _counter(self, known: dict[str, int] | None) -> CountVectorizer:
        lengths = (self._config["shortest"], self._config["longest"])
        return CountVectorizer(
            analyzer="char", ngram_range=lengths, lowercase=False, vocabulary=known or None
        )

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SoundFeaturizer:
        """One that knows no group yet."""
        return cls(config, execution_context.node_name, model_storage, resource, {})

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Rasa's defaults fill what is missing."""

    def train(self, training_data: TrainingData) -> Resource:
        """Learn which groups there are, and keep them."""
        texts = (str(message.get(TEXT) or "") for message in training_data.intent_examples)
        self._counts.fit(parted(text)[1] for text in texts)
        known = {group: int(at) for group, at in self._counts.vocabulary_.items()}
        with self._storage.write_to(self._resource) as folder:
            (folder / KNOWN).write_text(json.dumps(known), encoding="utf-8")
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the counts; the text becomes the words alone."""
        parts = [parted(str(message.get(TEXT) or "")) for message in messages]
        counts = self._counts.transform([sounds for _, sounds in parts])
        for row, message in enumerate(messages):
            self.add_features_to_message(None, counts[row], TEXT, message)
            message.set(TEXT, parts[row][0])
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """The same with the examples."""
        self.process(training_data.training_examples)
        return training_data

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **_: Any,
    ) -> SoundFeaturizer:
        """The trained one."""
        with model_storage.read_from(resource) as folder:
            known = json.loads((folder / KNOWN).read_text(encoding="utf-8"))
        return cls(config, execution_context.node_name, model_storage, resource, known)
