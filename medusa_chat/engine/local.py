"""The engine in this process: loads a model, answers prompts. The process engine wraps it."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace

from medusa_chat.decoding.acceptance import Typical
from medusa_chat.decoding.automatic_tree import AutomaticTree
from medusa_chat.decoding.decoder import Decoding, Emission, Request
from medusa_chat.decoding.experience import Experience
from medusa_chat.decoding.reply_output import Ending
from medusa_chat.decoding.sampling import Sampling
from medusa_chat.decoding.stats import Mode
from medusa_chat.decoding.tree_choice import ChosenTree, choose_tree
from medusa_chat.engine.continuation import Said
from medusa_chat.engine.idle import measure_acceptance, measure_times
from medusa_chat.engine.protocol import ChatMessage, Loaded
from medusa_chat.engine.setup import setup_of
from medusa_chat.errors import EngineError, UsageError
from medusa_chat.models import step_time_store
from medusa_chat.models.loader import LoadedModel, load
from medusa_chat.models.memory_growth import release_memory
from medusa_chat.models.stages import Report
from medusa_chat.models.step_time_store import Setup
from medusa_chat.settings import DecodeSettings, ModelSettings


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply about to be decoded, and what was decided for it."""

    decoding: Decoding
    seed: int
    tree: ChosenTree
    said: Said = field(repr=False)
    """What is said in it, for the case that it is stopped and gone on with."""
    opening: str = ""
    """What the chat template has written of the reply; it comes before the first token's text."""

    @property
    def mode(self) -> Mode:
        """Whether the heads guess ahead in this reply."""
        return "medusa" if self.tree.shape.depth else "plain"

    def run(self, cancelled: Callable[[], bool]) -> Iterator[list[Emission]]:
        """Decode to the end, yielding what each step makes certain."""
        opening, texts = self.opening, [self.said.text]
        try:
            for emissions in self.decoding.run(cancelled):
                shown = emissions
                if opening and emissions:
                    first, *others = emissions
                    shown = [replace(first, text=opening + first.text), *others]
                    opening = ""
                texts += [emission.text for emission in shown]
                yield shown
        finally:
            output = self.decoding.output
            self.said.note("".join(texts), output.token_ids, output.stop_reason)


_KEPT_TREES = 8
_IDLE_TEXT = "The sea is large and deep, and"
_IDLE_PROMPTS = (
    "Good evening! My train was late again, and now I am waiting in the rain.",
    "I need a room in Lyon for two nights from Thursday. Is breakfast included?",
    "Tell me about a fox who could not sleep because the owl sang all night.",
    "Which five things should I take along to the beach, and why?",
    "How does a bicycle stay upright when nobody holds it?",
    "Say this more politely: Send me the report today, you have had a week for it.",
    "Write a function in Python that adds up the even numbers of a list.",
    "Sum this up in one sentence: The bakery at the corner has closed. Its owner, Mrs Adler, is "
    "eighty, and none of her children wanted to rise at three in the morning. A shop for bicycles "
    "will move in. The neighbours say that they will miss the smell of bread.",
    "Correct this: yesterday we was going to the lake and have swam until it get dark.",
    "My sister has a new puppy and he eats her shoes. What would you do?",
    "Compare coffee with tea in three lines.",
    "Continue: The door opened slowly, and behind it stood",
    "What is the difference between a comet and a meteor?",
    "Put these in order, the smallest first: whale, ant, horse, cat. Then say which can fly.",
    "I would like to see a film tonight, something funny. What is on near me?",
    "Write a short letter to my landlord: the heating has been cold since Monday.",
)
"""Of the kinds that people ask; what comes of them is read by nobody."""
_IDLE_REPLY_TOKENS = 48


class Engine:
    """At most one model at a time, and its answers."""

    def __init__(self) -> None:
        self._model: LoadedModel | None = None
        self._trees: dict[DecodeSettings, tuple[ChosenTree, Setup]] = {}
        self._said: Said | None = None

    @property
    def model(self) -> LoadedModel:
        """The model in use. Raises EngineError before one is loaded."""
        if self._model is None:
            raise EngineError("No model is loaded.")
        return self._model

    @property
    def has_model(self) -> bool:
        """Whether one is loaded."""
        return self._model is not None

    def load(self, settings: ModelSettings, report: Report) -> Loaded:
        """Load a model in place of the one in use, and describe it. Raises ModelError.

        The old one goes first, so that the two never need room together. Only the end of the
        process returns every byte of it to the system.
        """
        self.let_go()
        model = self._model = load(settings, report)
        return Loaded(
            model=settings.model,
            base_model=model.base_name,
            dtype=model.dtype,
            device=model.device,
            quantization=model.settings.quantization,
            context_tokens=model.decoder.forward.context_tokens,
            heads=model.heads,
            plain_reason=model.plain_reason,
            notices=model.notices,
            template=model.format.source,
            defaults=model.defaults,
            memory_bytes=model.memory_bytes,
        )

    def let_go(self) -> None:
        """Let go of the model in use, and of its memory as far as that is possible."""
        self.keep_times()
        self._model = self._said = None
        self._trees.clear()
        release_memory()

    def adopt(self, model: LoadedModel) -> None:
        """Take a model that was made elsewhere, after the one in use was let go of."""
        assert self._model is None, "two models would need room together"
        self._model = model

    def choose_tree(self, settings: DecodeSettings) -> ChosenTree:
        """Return the tree of replies with ``settings``. Raises UsageError if the model has none."""
        # Made once for many replies: a large dynamic tree takes longer to prepare than a step, and
        # what its steps took is known then, also where replies take turns with other settings.
        key = _of_the_tree(settings)
        if key not in self._trees:
            model, forward = self.model, self.model.decoder.forward
            self.keep_times()
            while len(self._trees) >= _KEPT_TREES:
                del self._trees[next(iter(self._trees))]
            setup = setup_of(model, settings)
            tree = choose_tree(
                settings,
                heads=model.heads,
                vocabulary=forward.vocabulary,
                device=forward.device,
                checks_trees=model.plain_reason is None,
                experience=step_time_store.recall(setup),
            )
            self._trees[key] = tree, setup
        return self._trees[key][0]

    def answer(self, messages: Sequence[ChatMessage], settings: DecodeSettings) -> Answer:
        """Prepare the reply to a conversation; with ``settings.raw``, to its one text.

        If the last message is the assistant's, it is gone on with: with the settings and the seed
        that it was begun with, to the text that it would have had. Raises UsageError or
        ContextFullError for a prompt that cannot be answered.
        """
        model = self.model
        continues = not settings.raw and [one.role for one in messages[-1:]] == ["assistant"]
        prompt = self.encode(messages, settings)
        said = Said(prompt, prompt)
        if continues:
            asked, begun = self.encode(messages[:-1], settings), messages[-1].content
            known = self._said.ids_to(begun, asked) if self._said else None
            prompt = known or prompt
            said = Said(asked, prompt, begun)
        _check_tokens(prompt, model.decoder.forward.vocabulary)
        tree = self.choose_tree(settings)
        seed = secrets.randbits(32) if settings.seed is None else settings.seed
        typical = None
        # At temperature 0 typical acceptance is exact.
        if settings.acceptance == "typical" and settings.temperature > 0:
            typical = Typical(
                settings.temperature, settings.posterior_threshold, settings.posterior_alpha
            )
        request = Request(
            shape=tree.shape,
            sampling=Sampling(
                settings.temperature, settings.top_k, settings.top_p, settings.repetition_penalty
            ),
            ending=self.ending(settings),
            seed=seed,
            typical=typical,
        )
        decoding = model.decoder.start(prompt, request, raw=settings.raw or continues)
        self._said = said
        opening = "" if settings.raw or continues else model.format.reply_opening
        return Answer(decoding, seed, tree, said, opening)

    def ending(self, settings: DecodeSettings) -> Ending:
        """Return what ends a reply with ``settings``: the model's own words for it too."""
        chat_format = self.model.format
        eos_ids = chat_format.eos_ids if settings.raw else chat_format.turn_ids
        return Ending(
            eos_ids=frozenset() if settings.ignore_eos else eos_ids,
            stop=settings.stop if settings.raw else settings.stop + chat_format.stop,
            max_new_tokens=settings.max_new_tokens,
        )

    def forget(self) -> None:
        """Empty the cache, so that the next prompt starts like the first."""
        self.model.decoder.forget()
        for tree, _ in self._trees.values():
            if isinstance(tree.shape, AutomaticTree):
                tree.shape.forget()

    def keep_times(self) -> None:
        """Keep what steps took and what was accepted, for the replies of another time."""
        for tree, setup in self._trees.values():
            if isinstance(tree.shape, AutomaticTree):
                with contextlib.suppress(OSError):  # it will be measured again
                    step_time_store.keep(setup, tree.shape.experience())

    def learn(self, settings: DecodeSettings, experience: Experience) -> None:
        """Keep ``experience`` of tuning for ``settings``, and begin with it from now on.

        Raises OSError when it cannot be written.
        """
        # Named, so that a chat which was open meanwhile does not keep over it what it knew before.
        tuned = replace(experience, tuning=secrets.token_hex(8))
        step_time_store.replace(setup_of(self.model, settings), tuned)
        self._trees.pop(_of_the_tree(settings), None)

    def measure(self) -> Generator[None, None, None]:
        """Measure what steps of the automatic trees in use take and bring, where it is not known.

        Yields after each step of it. To be closed when there is something else to do; what replies
        go on from, the cache and all that was learnt, is the same afterwards.
        """
        if self._model is not None and not self._trees:
            self.choose_tree(DecodeSettings())  # as most replies are decoded
        for settings, (tree, _) in tuple(self._trees.items()):
            if not isinstance(tree.shape, AutomaticTree):
                continue
            model, kind = self.model, tree.shape.grown
            # Where tokens are drawn, as they mostly are: what is accepted depends on it.
            usual = DecodeSettings().temperature
            sampling = Sampling(0.0 if settings.temperature == 0 else usual)
            if kind.times.missing(kind.sizes):
                prompt = model.format.encode_raw(_IDLE_TEXT)
                yield from measure_times(model.decoder, tree.shape, prompt, sampling)
                self.keep_times()
            if not model.decoder.cached:
                prompts = [
                    model.format.encode([{"role": "user", "content": text}])
                    for text in _IDLE_PROMPTS
                ]
                ending = Ending(eos_ids=model.format.turn_ids, max_new_tokens=_IDLE_REPLY_TOKENS)
                request = Request(tree.shape, sampling, ending)
                yield from measure_acceptance(model.decoder, tree.shape, prompts, request)
                self.keep_times()

    def encode(self, messages: Sequence[ChatMessage], settings: DecodeSettings) -> list[int]:
        """Return the token ids that ``answer`` begins from. Raises UsageError as it does."""
        chat_format = self.model.format
        for message in messages:
            _check_text(message.content)
        if settings.raw:
            if len(messages) != 1:
                raise UsageError(
                    f"--raw continues one text, but there are {len(messages)} messages: "
                    "give a prompt alone."
                )
            return chat_format.encode_raw(messages[0].content)
        asks = not messages or messages[-1].role != "assistant"
        if asks and not (messages and messages[-1].content.strip()):
            raise UsageError("The prompt is empty: write something to be answered.")
        turns = [{"role": message.role, "content": message.content} for message in messages]
        if settings.system and turns[0]["role"] != "system":
            turns.insert(0, {"role": "system", "content": settings.system})
        return chat_format.encode(turns)


def _of_the_tree(settings: DecodeSettings) -> DecodeSettings:
    """Return ``settings`` with all that does not matter for the tree as it is by default."""
    return DecodeSettings(
        medusa=settings.medusa,
        tree=settings.tree,
        tree_size=settings.tree_size,
        draft=settings.draft,
        acceptance=settings.acceptance,
        # What steps take is another thing where noise is drawn.
        temperature=0.0 if settings.temperature == 0 else 1.0,
    )


def _check_tokens(prompt: list[int], vocabulary: int) -> None:
    # Tokens are added to tokenizers without rows for them in the model.
    beyond = max(prompt, default=0)
    if beyond >= vocabulary:
        raise UsageError(
            f"The prompt has token {beyond}, but the model's vocabulary ends at {vocabulary - 1}: "
            "its tokenizer has more tokens than the model. Leave special markers out."
        )


def _check_text(text: str) -> None:
    # Bytes of the command line that are not UTF-8 arrive as these, and JSON can hold them.
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise UsageError("The prompt holds half a character: write it as valid UTF-8.")
