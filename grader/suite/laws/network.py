"""Laws of a method of a model: those of a function whose first argument is the model."""

from __future__ import annotations

from typing import Any

from grader.suite.laws.follow import FollowThrough


def model(name: str, *size: Any, **parameters: Any) -> dict[str, Any]:
    """A model as the first argument of a method; both sides make it of this.

    Args:
        name: of its class, e.g. `solution.Flow`.
        size: arguments of the class.
        parameters: values for its parameters, by their names in `named_parameters()`.
    """
    return {"model": name, "size": list(size), "parameters": parameters}


class Network(FollowThrough):
    """A contract that is a method: `inputs` begin with the model.

    `parameters` begin with what messages call the parameters of the model, e.g. `u, w and b`.
    """

    @property
    def name(self) -> str:
        return ".".join(self.contract.split(".")[1:])

    @property
    def usage(self) -> str:
        return f"{self.name}({', '.join(self.parameters[1:])})"

    def result_shape(self, *args: Any) -> tuple[int, ...]:
        return (len(args[1]),)

    def direction(self, argument: Any) -> Any:
        if not isinstance(argument, dict):
            return super().direction(argument)
        return {n: self.draw.normal(*p.shape) for n, p in argument["parameters"].items()}
