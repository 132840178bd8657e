"""Images: all of them on the machine before anything of the running stack is touched."""

from typing import Any, NamedTuple

from infrakit.plan import Action, Event
from infrakit.plan.model import Tell


class ImageThere(NamedTuple):
    """The engine has this image, for this machine's architecture."""

    reference: str
    architecture: str

    def holds(self, machine: Any) -> bool:
        return bool(machine.engine.image_id(self.reference))

    def text(self) -> str:
        return f"the image {self.reference} is there"


class Pull(NamedTuple):
    """Fetch an image; what is there of it already is not fetched again."""

    reference: str
    architecture: str

    def do(self, machine: Any, tell: Tell) -> None:
        progress = Event("progress", "")
        machine.engine.pull(
            self.reference, lambda part, whole, text: tell(progress._replace(part=part, whole=whole, text=text)), architecture=self.architecture,
        )

    def inverse(self, machine: Any) -> tuple[Action, ...]:
        return ()

    def text(self) -> str:
        return f"pull {self.reference}"
