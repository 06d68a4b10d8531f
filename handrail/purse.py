"""The model's purse: what a UTC day's calls may cost, kept in the database over restarts."""

from collections.abc import Mapping, Sequence

from handrail.clock import Clock
from handrail.domain.spending import Usage
from handrail.engine import prices
from handrail.store import Store
from handrail.store.spending import HandedIn


class Purse:
    """Nothing is asked of the model that could pass the day's budget: the night and chat share it."""

    def __init__(self, store: Store, clock: Clock, *, model: str, budget: float) -> None:
        self._store = store
        self._clock = clock
        self._model = model
        self._budget = budget

    async def reserve(self, sizes: Sequence[tuple[int, int]], *, batch: bool = False) -> list[int]:
        """Numbers of calls, as many of the first ones as fit into what is left.

        A size is (bytes of the prompt, most tokens of the answer). What a call can cost at most is counted as
        spent before it leaves, so that a process that dies has not spent in secret.
        """
        now = self._clock.now()
        taken = []
        async with self._store.begin() as work:
            left = self._budget - (await work.spending.of_day(now.date())).usd
            for prompt_bytes, max_tokens in sizes:
                most = prices.most(self._model, prompt_bytes, max_tokens, batch=batch)
                if most > left:
                    break
                left -= most
                taken.append(await work.spending.reserve(self._model, most, now, batch=batch))
        return taken

    async def book(self, call: int, usage: Usage, *, batch: bool = False) -> None:
        """The answer is here: count what it really cost."""
        usd = prices.cost(self._model, usage, batch=batch)
        async with self._store.begin() as work:
            await work.spending.book(call, usage, usd)

    async def give_back(self, calls: Sequence[int]) -> None:
        """These were refused, which costs nothing."""
        async with self._store.begin() as work:
            for call in calls:
                await work.spending.forget(call)

    async def handed_in(self, batch_id: str, calls: Mapping[str, int]) -> None:
        """Remember a batch before it is waited for."""
        async with self._store.begin() as work:
            await work.spending.keep_batch(batch_id, calls, self._clock.now())

    async def waiting(self) -> list[HandedIn]:
        """Batches that were paid for and not fetched."""
        async with self._store.read() as work:
            return await work.spending.open_batches(self._clock.now())

    async def fetched(self, batch_id: str) -> None:
        async with self._store.begin() as work:
            await work.spending.close_batch(batch_id)
