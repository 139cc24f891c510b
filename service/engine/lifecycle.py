"""Whether the process takes on work."""

from dataclasses import dataclass, field

from service.engine.serving import Serving


@dataclass
class Lifecycle:
    """The state that a process is in; the one thing here that changes.

    Attributes:
        serving: what requests are answered from; None until the models are loaded.
        withdrawn: models that an operator has unloaded, by full name.
        draining: whether the process is about to stop: it finishes what it has begun and takes nothing new.
        until: when that has to be finished, as :func:`time.monotonic` has it.
    """

    serving: Serving | None = None
    withdrawn: set[str] = field(default_factory=set)
    draining: bool = False
    until: float = 0.0
