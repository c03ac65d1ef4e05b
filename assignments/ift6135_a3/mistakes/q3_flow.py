"""Mistakes in 3.6: the flow as a chain of layers."""

import torch

from grader.audit import mistake


@mistake(
    "solution.Flow.forward",
    fails=["test_flow_applies_its_layers_in_order"],
    hint="The layers are applied from the last to the first. That would be the order of an "
    "inverse; the flow itself starts with the first.",
)
def flow_from_the_last_layer_to_the_first(self, x):
    logdet = 0
    for layer in reversed(self.layers):
        logdet = logdet + layer.get_logdet(x)
        x = layer(x)
    return x, logdet


@mistake(
    "solution.Flow.forward",
    fails=["test_flow_adds_log_determinants_at_each_layers_input"],
    hint="Each log-determinant is taken at its layer's output. The Jacobian of a layer belongs to "
    "the point where that layer starts: ask for it before x is overwritten.",
)
def flow_with_log_determinants_at_the_outputs(self, x):
    logdet = 0
    for layer in self.layers:
        x = layer(x)
        logdet = logdet + layer.get_logdet(x)
    return x, logdet


@mistake(
    "solution.Flow.forward",
    fails=["test_flow_adds_log_determinants_at_each_layers_input"],
    hint="Each log-determinant overwrites the one before, and only the last layer's is left. "
    "Along a chain they are added up.",
)
def flow_overwrites_the_log_determinant(self, x):
    for layer in self.layers:
        logdet = layer.get_logdet(x)
        x = layer(x)
    return x, logdet


@mistake(
    "solution.Flow.forward",
    fails=["test_flow_adds_log_determinants_at_each_layers_input"],
    hint="All log-determinants are taken at the flow's own input. Only the first layer starts "
    "there; every other one starts where the layer before it ended.",
)
def flow_with_log_determinants_at_the_data(self, x):
    z, logdet = x, 0
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x)
        z = layer(z)
    return z, logdet


@mistake(
    "solution.Flow.forward",
    fails=["test_flow_applies_its_layers_in_order"],
    hint="Every layer gets the flow's own input, and only the last layer's output is returned. "
    "In a chain the output of each layer goes into the next.",
)
def flow_feeds_the_input_to_every_layer(self, x):
    logdet = 0
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x)
        z = layer(x)
    return z, logdet


@mistake(
    "solution.Flow.forward",
    fails=["test_flow_adds_log_determinants_at_each_layers_input"],
    hint="The log-determinants are subtracted. The flow returns their sum; where a minus sign is "
    "needed, the losses have it.",
)
def flow_subtracts_the_log_determinants(self, x):
    logdet = 0
    for layer in self.layers:
        logdet = logdet - layer.get_logdet(x)
        x = layer(x)
    return x, logdet


@mistake(
    "solution.Flow.forward",
    fails=["test_flow_adds_log_determinants_at_each_layers_input"],
    hint="The sum of the log-determinants is divided by the number of layers. The determinant of "
    "a product is the product of the determinants, so their logarithms are added up.",
)
def flow_averages_the_log_determinants(self, x):
    logdet = 0
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x)
        x = layer(x)
    return x, logdet / len(self.layers)


@mistake(
    "solution.Flow.forward",
    fails=["test_flow_adds_log_determinants_at_each_layers_input"],
    hint="The log-determinants are multiplied. Determinants multiply along a chain, their "
    "logarithms add up.",
)
def flow_multiplies_the_log_determinants(self, x):
    logdet = 1
    for layer in self.layers:
        logdet = logdet * layer.get_logdet(x)
        x = layer(x)
    return x, logdet


@mistake(
    "solution.Flow.forward",
    fails=["test_flow_adds_log_determinants_at_each_layers_input"],
    hint="The sum starts from 1. A flow that changes nothing has the determinant 1 and the "
    "log-determinant 0, so the sum starts from 0.",
)
def flow_starts_from_one(self, x):
    logdet = torch.ones(x.shape[0], 1)
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x)
        x = layer(x)
    return x, logdet


@mistake(
    "solution.Flow.forward",
    fails=["test_flow_adds_log_determinants_at_each_layers_input"],
    hint="The log-determinants of all points are added into one number. Every point has its own; "
    "only those of the layers are added up.",
)
def flow_adds_up_the_points(self, x):
    logdet = 0
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x).sum()
        x = layer(x)
    return x, logdet


@mistake(
    "solution.Flow.forward",
    fails=["test_flow_gives_points_and_one_column"],
    hint="The sum starts as zeros of shape (B,), and adding columns, (B, 1), makes it (B, B) "
    "without any warning.",
)
def flow_starts_from_a_flat_vector(self, x):
    logdet = torch.zeros(x.shape[0])
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x)
        x = layer(x)
    return x, logdet


@mistake(
    "solution.Flow.forward",
    fails=["test_flow_gives_points_and_one_column"],
    hint="The values are right, but the log-determinants have lost their column: (B,) in place "
    "of (B, 1).",
)
def flow_with_flat_log_determinants(self, x):
    logdet = torch.zeros(x.shape[0])
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x).reshape(-1)
        x = layer(x)
    return x, logdet


@mistake(
    "solution.Flow.forward",
    fails=["test_flow_applies_its_layers_in_order"],
    hint="The two results have changed places: the points come first, then the log-determinant.",
)
def flow_returns_the_log_determinant_first(self, x):
    logdet = 0
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x)
        x = layer(x)
    return logdet, x


@mistake(
    "solution.Flow.forward",
    fails=["test_all_layers_can_be_trained"],
    hint="The log-determinants are detached on the way. They are part of the loss, and without "
    "their gradient the flow learns to pull all points together.",
)
def flow_with_detached_log_determinants(self, x):
    logdet = 0
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x).detach()
        x = layer(x)
    return x, logdet


@mistake(
    "solution.Flow.forward",
    fails=["test_all_layers_can_be_trained"],
    hint="The points are detached between the layers, so a layer does not learn what its output "
    "does to the layers after it.",
)
def flow_cut_between_its_layers(self, x):
    logdet = 0
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x.detach())
        x = layer(x.detach())
    return x, logdet


@mistake(
    "solution.Flow.forward",
    fails=["test_flow_gives_points_and_one_column"],
    hint="The layers' outputs are written into x itself, and the caller's points are overwritten; "
    "autograd needs them too.",
)
def flow_writes_into_its_argument(self, x):
    logdet = 0
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x)
        x[:] = layer(x).detach()
    return x, logdet


@mistake(
    "solution.Flow.forward",
    fails=["test_all_layers_can_be_trained"],
    hint="Each layer transforms detached points, so the layers before it do not learn from where "
    "their points end up.",
)
def flow_transforms_detached_points(self, x):
    logdet = 0
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x)
        x = layer(x.detach())
    return x, logdet


@mistake(
    "solution.Flow.forward",
    fails=["test_flow_gives_points_and_one_column"],
    hint="Rows of two coordinates are made of whatever comes in. A flow takes points with any "
    "number of coordinates, and has no need to reshape them.",
)
def flow_for_the_plane_only(self, x):
    x = x.reshape(-1, 2)
    logdet = 0
    for layer in self.layers:
        logdet = logdet + layer.get_logdet(x)
        x = layer(x)
    return x, logdet
