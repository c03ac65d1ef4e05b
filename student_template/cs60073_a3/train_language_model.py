"""Part C: train the model of `language_model.py` on a text, the way the assignment says.

`python train_language_model.py input.txt` trains for three epochs, prints the losses and the
perplexity after each, writes the final weights to `language_model.safetensors` with the claimed
perplexity in `language_model.json`, and the three generations to `language_model-<strategy>.npy`.

An epoch passes once over blocks of 128 characters that do not overlap, in a new order each time:
for Tiny Shakespeare 7 842 blocks, which are 123 steps of 64 blocks.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

STRATEGIES = ("greedy", "top_k", "top_p")
PROMPT = 64


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """AdamW as the assignment says; every parameter decays."""
    # The fused form takes the same steps in less time.
    return torch.optim.AdamW(
        model.parameters(), lr=3e-4, weight_decay=0.01, betas=(0.9, 0.95), fused=True
    )


def train_epoch(
    functions: Any,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    blocks: tuple[Tensor, Tensor],
    batch: int = 64,
    steps: int | None = None,
) -> Iterator[float]:
    """One pass over the blocks in a new order; gives the loss of each step.

    Args:
        functions: where `next_token_loss` is, such as the module `language_model`.
        blocks: inputs and targets, (n, T) each.
        batch: blocks in a step; the last step has what is left.
        steps: stop after so many.
    """
    inputs, targets = blocks
    model.train()
    for some in torch.randperm(len(inputs)).split(batch)[:steps]:
        loss = functions.next_token_loss(model(inputs[some]), targets[some])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        yield loss.item()


def main(arguments: list[str] | None = None) -> None:
    """Train on a text file; see above."""
    import language_model
    from safetensors.torch import save_file

    parser = argparse.ArgumentParser(description="Train the tiny Transformer.")
    parser.add_argument("text", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--steps", type=int, help="of each epoch; by default all")
    options = parser.parse_args(arguments)

    torch.manual_seed(1234)
    text = options.text.read_text(encoding="utf-8")
    vocabulary = language_model.make_vocabulary(text)
    train, valid, _ = language_model.split(language_model.encode(text, vocabulary))
    model = language_model.TinyTransformer(len(vocabulary))
    optimizer = make_optimizer(model)
    blocks = language_model.make_blocks(train)
    perplexity = float("nan")
    for epoch in range(1, options.epochs + 1):
        losses = list(train_epoch(language_model, model, optimizer, blocks, steps=options.steps))
        model.eval()
        perplexity = language_model.perplexity(model, valid)
        print(
            f"epoch {epoch}: training loss {np.mean(losses):.4f}, validation loss "
            f"{np.log(perplexity):.4f}, validation perplexity {perplexity:.3f}"
        )
    weights = {name: value.detach().contiguous() for name, value in model.named_parameters()}
    save_file(weights, "language_model.safetensors")
    claims = json.dumps({"validation_perplexity": perplexity})
    Path("language_model.json").write_text(claims, encoding="utf-8")
    for strategy in STRATEGIES:
        tokens = language_model.generate(model, valid[:PROMPT], strategy=strategy)
        np.save(f"language_model-{strategy}.npy", tokens.numpy())
        print(f"--- {strategy} ---\n{language_model.decode(tokens, vocabulary)}")


if __name__ == "__main__":
    main()
