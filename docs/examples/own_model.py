"""A model of one's own beside nie's: the same folds, features, loss and table."""

import torch

import nie
from nie.models.outputs import ImportanceScores, side_by_side


class Linear(torch.nn.Module):
    """One linear layer on all features; its keyword arguments are settings."""

    def __init__(self, *, channel_sizes, num_relations, feat_drop: float = 0.1, tier_outputs=0):
        super().__init__()
        self.channels = tuple(channel_sizes)
        self.drop = torch.nn.Dropout(feat_drop)
        self.score = torch.nn.Linear(sum(channel_sizes.values()), 1)

    def forward(self, graph, feats, etype, *, degrees=None):
        return ImportanceScores.of(self.score(self.drop(side_by_side(feats, self.channels))).squeeze(1))


nie.register_method("mine", Linear)
result = nie.run(nie.synthetic(), preset="quick", methods=["ridge", "mine"])
print(result.table())
