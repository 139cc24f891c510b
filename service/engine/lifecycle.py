"""Whether the process accepts work."""

from dataclasses import dataclass, field

from opentelemetry.trace import Tracer

from service.engine.serving import Serving


@dataclass
class Lifecycle:
    """The state of a process.

    Attributes:
        serving: the loaded models that answer requests; None until they are loaded.
        withdrawn: full names of the models that an operator has unloaded.
        draining: whether the process is stopping: it finishes what it has begun, and refuses new requests.
        until: when it has to be finished, in the time of :func:`time.monotonic`.
        tracer: records the parts of requests; None if tracing is off.
    """

    serving: Serving | None = None
    withdrawn: set[str] = field(default_factory=set)
    draining: bool = False
    until: float = 0.0
    tracer: Tracer | None = None
