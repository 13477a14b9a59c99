"""The model as a component of Rasa's pipeline; nlu/config.yml holds its options.

https://rasa.com/docs/rasa/custom-graph-components: Rasa calls ``create`` and ``train``, or ``load`` and ``process``.
"""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from accueil_rasa.fitting import fit
from accueil_rasa.model import ABOUT, NUMBERS, KernelModel


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class KernelClassifier(GraphComponent, IntentClassifier):
    """Sets ``intent`` and the whole ``intent_ranking`` of each message."""

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        self._config, self._storage, self._resource = config, storage, resource
        self._model: KernelModel | None = None

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> KernelClassifier:
        """A component without a model."""
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        """Train the model and store it."""
        messages = [message for message in training_data.intent_examples if message.get(TEXT)]
        model = fit([(message.get(TEXT), message.get(INTENT)) for message in messages], self._config)
        with self._storage.write_to(self._resource) as folder:
            model.save(folder)
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **_: Any,
    ) -> KernelClassifier:
        """A component with the stored model."""
        made = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            with open(folder / NUMBERS, "rb") as numbers, open(folder / ABOUT, "rb") as about:
                made._model = KernelModel.load(numbers, about)
        return made

    def process(self, messages: list[Message]) -> list[Message]:
        """Rank the intents of each message."""
        for message in messages:
            text = message.get(TEXT)
            ranked = self._model.rank(text) if self._model is not None and text else []
            ranking = [{"name": name, "confidence": share} for name, share in ranked]
            best = ranking[0] if ranking else {"name": None, "confidence": 0.0}
            message.set(INTENT, best, add_to_output=True)
            message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
        return messages
