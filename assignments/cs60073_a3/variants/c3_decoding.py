"""Right implementations of c.3: decoding."""

import numpy as np
import torch
import torch.nn.functional as F

from grader.catalogue import Variants

top_k_probabilities = Variants("language_model.top_k_probabilities")


@top_k_probabilities
def top_k_by_scatter(logits, k=20, temperature=1.0):
    """Exactly k tokens, ties broken by place."""
    k = min(k, logits.size(-1))
    values, places = torch.topk(logits / temperature, k)
    return torch.zeros_like(logits).scatter(-1, places, F.softmax(values, dim=-1))


@top_k_probabilities
def top_k_scaled_afterwards(logits, k=20, temperature=1.0):
    """Softmax first, then scaled."""
    probabilities = F.softmax(logits / temperature, dim=-1)
    order = probabilities.argsort(dim=-1, descending=True)
    rank = order.argsort(dim=-1)
    kept = torch.where(rank < k, probabilities, torch.zeros(()))
    return kept / kept.sum(-1, keepdim=True)


top_p_probabilities = Variants("language_model.top_p_probabilities")


@top_p_probabilities
def top_p_without_the_crossing_token(logits, p=0.9, temperature=1.0):
    """The token that crosses p is left out."""
    values, places = torch.sort(F.softmax(logits / temperature, dim=-1), descending=True)
    inside = values.cumsum(-1) <= p
    inside[..., 0] = True
    values = values * inside
    values = values / values.sum(-1, keepdim=True)
    return torch.zeros_like(logits).scatter_(-1, places, values)


@top_p_probabilities
def top_p_by_shifted_removal(logits, p=0.9, temperature=1.0):
    """Removal shifted by one place, as is usual."""
    logits = logits / temperature
    ordered, places = torch.sort(logits, dim=-1, descending=True)
    remove = torch.cumsum(F.softmax(ordered, dim=-1), dim=-1) > p
    remove[..., 1:] = remove[..., :-1].clone()
    remove[..., 0] = False
    remove = remove.gather(-1, places.argsort(-1))
    return F.softmax(logits.masked_fill(remove, float("-inf")), dim=-1)


@top_p_probabilities
def top_p_by_numpy(logits, p=0.9, temperature=1.0):
    """Row by row, in NumPy."""
    rows = F.softmax(logits.double() / temperature, -1).reshape(-1, logits.shape[-1]).numpy()
    result = np.zeros_like(rows)
    for row, out in zip(rows, result, strict=True):
        order = np.argsort(-row)
        size = np.searchsorted(np.cumsum(row[order]), p) + 1
        out[order[:size]] = row[order[:size]]
        out /= out.sum()
    return torch.tensor(result, dtype=logits.dtype).reshape(logits.shape)


generate = Variants("language_model.generate")


@generate
def generate_in_a_list(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """Draws by torch.distributions, tokens in a list."""
    if strategy not in ("greedy", "top_k", "top_p"):
        raise ValueError(strategy)
    tokens = prompt.tolist()
    for _ in range(new_tokens):
        logits = model(torch.tensor([tokens[-context:]])).detach()[0, -1]
        if strategy == "greedy":
            token = int(torch.argmax(logits))
        else:
            probabilities = (
                top_k_probabilities(logits, k, temperature)
                if strategy == "top_k"
                else top_p_probabilities(logits, p, temperature)
            )
            token = int(torch.distributions.Categorical(probs=probabilities).sample())
        tokens.append(token)
    return torch.tensor(tokens)


@generate
def generate_with_its_own_filters(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """A batch axis inside, logits filtered in place."""
    if hasattr(model, "eval"):
        model.eval()
    tokens = prompt.clone().unsqueeze(0)
    for _ in range(new_tokens):
        with torch.no_grad():
            logits = model(tokens[:, -context:])[:, -1, :] / temperature
        if strategy == "greedy":
            new = logits.argmax(dim=-1, keepdim=True)
        elif strategy == "top_k":
            kth = torch.topk(logits, min(k, logits.shape[-1])).values[:, [-1]]
            logits[logits < kth] = -float("inf")
            new = torch.multinomial(F.softmax(logits, dim=-1), num_samples=1)
        elif strategy == "top_p":
            ordered, places = torch.sort(F.softmax(logits, dim=-1), descending=True)
            ordered[ordered.cumsum(1) - ordered > p] = 0.0
            new = places.gather(1, torch.multinomial(ordered, num_samples=1))
        else:
            raise ValueError(strategy)
        tokens = torch.cat((tokens, new), dim=1)
    return tokens.squeeze(0)


@generate
def generate_by_numpy(
    model, prompt, new_tokens=200, strategy="greedy", k=20, p=0.9, temperature=1.0, context=128
):
    """Draws by NumPy's global source."""
    if strategy not in ("greedy", "top_k", "top_p"):
        raise ValueError(strategy)
    text = prompt
    for _ in range(new_tokens):
        with torch.inference_mode():
            logits = model(text[max(0, len(text) - context) :][None])[0][-1]
        if strategy == "greedy":
            new = logits.argmax().item()
        else:
            by = top_k_probabilities if strategy == "top_k" else top_p_probabilities
            weights = by(logits, k if strategy == "top_k" else p, temperature).double().numpy()
            new = np.random.choice(len(weights), p=weights / weights.sum())
        text = torch.cat([text, torch.tensor([new])])
    return text
