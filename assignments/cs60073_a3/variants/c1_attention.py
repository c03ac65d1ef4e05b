"""Right implementations of c.1: attention."""

import math

import torch
import torch.nn.functional as F

from grader.catalogue import Variants

causal_attention = Variants("language_model.causal_attention")


@causal_attention
def attention_of_torch(q, k, v):
    """torch's own attention."""
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


@causal_attention
def attention_by_einsum(q, k, v):
    """A large negative number for infinity, einsum."""
    length, dim = q.size(2), q.size(3)
    scores = torch.einsum("bhqd,bhkd->bhqk", q, k) * dim**-0.5
    scores = scores.masked_fill(torch.tril(torch.ones(length, length)) == 0, -1e9)
    return torch.einsum("bhqk,bhkd->bhqd", F.softmax(scores, dim=-1), v)


@causal_attention
def attention_with_an_added_mask(q, k, v):
    """A mask that is added, kept at its full size."""
    mask = torch.triu(torch.full((CONTEXT, CONTEXT), float("-inf")), diagonal=1)
    length = q.shape[2]
    scores = torch.matmul(q / math.sqrt(q.shape[3]), k.mT) + mask[:length, :length]
    return torch.matmul(torch.softmax(scores, -1), v)


self_attention_forward = Variants("language_model.SelfAttention.forward")


@self_attention_forward
def heads_in_a_loop(self, x):
    """Heads in a loop, each a slice."""
    q, k, v = self.query(x), self.key(x), self.value(x)
    seen = []
    for h in range(HEADS):
        columns = slice(h * D_HEAD, (h + 1) * D_HEAD)
        parts = (part[:, None, :, columns] for part in (q, k, v))
        seen.append(causal_attention(*parts)[:, 0])
    return self.output(torch.cat(seen, dim=-1))


@self_attention_forward
def heads_by_unflatten(self, x):
    """torch's attention, heads by unflatten."""
    q, k, v = (
        part(x).unflatten(2, (HEADS, D_HEAD)).transpose(1, 2)
        for part in (self.query, self.key, self.value)
    )
    seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return self.output(seen.transpose(1, 2).flatten(2))
