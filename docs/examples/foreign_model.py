"""A layer of nie in a training loop that is not nie's."""

import torch

from nie import PreGATConv
from nie.dgl_compat import dgl  # DGL 2.1.0 with current torch

graph = dgl.rand_graph(100, 500)
etype = torch.randint(3, (500,))  # the relation of every edge
feat, target = torch.randn(100, 16), torch.randn(100, 1)

relations = torch.nn.Embedding(3, 10)
conv = PreGATConv(16, 8, rel_size=10, num_heads=4)
readout = torch.nn.Linear(32, 1)
parameters = [*relations.parameters(), *conv.parameters(), *readout.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.01)

for _ in range(20):
    hidden = conv(graph, feat, relations.weight, etype).flatten(1)  # (nodes, heads * 8)
    loss = torch.nn.functional.mse_loss(readout(torch.relu(hidden)), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"loss {loss.item():.3f}")
