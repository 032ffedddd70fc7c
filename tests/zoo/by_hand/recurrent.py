"""Recurrent networks with state in and out, sequence to sequence with attention, and image captioning."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Captioning", "CharRNN", "Seq2Seq", "WordLanguageModel"]


class CharRNN(nn.Module):
    """letter (N, letters), hidden (N, H) → log-probabilities (N, classes), hidden (N, H)."""

    def __init__(self, letters: int, hidden_size: int, num_classes: int) -> None:
        super().__init__()
        self.i2h = nn.Linear(letters, hidden_size)
        self.h2h = nn.Linear(hidden_size, hidden_size)
        self.h2o = nn.Linear(hidden_size, num_classes)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, letter: Tensor, hidden: Tensor) -> dict[str, Tensor]:
        hidden = torch.tanh(self.i2h(letter) + self.h2h(hidden))
        return {"output": self.softmax(self.h2o(hidden)), "hidden": hidden}


class WordLanguageModel(nn.Module):
    """pytorch/examples, word_language_model/model.py: tokens (T, N) and the LSTM's state → log-probabilities
    (T, N, vocabulary) and the new state."""

    def __init__(self, vocabulary: int, dim: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(vocabulary, dim)
        self.rnn = nn.LSTM(dim, dim, num_layers, dropout=dropout)
        self.decoder = nn.Linear(dim, vocabulary)
        self.decoder.weight = self.encoder.weight

    def forward(self, tokens: Tensor, h: Tensor, c: Tensor) -> dict[str, Tensor]:
        embedded = self.drop(self.encoder(tokens))
        output, (h, c) = self.rnn(embedded, (h, c))
        decoded = self.decoder(self.drop(output))
        return {"log_probabilities": F.log_softmax(decoded, dim=2), "h": h, "c": c}


class Encoder(nn.Module):
    def __init__(self, vocabulary: int, dim: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        self.num_layers, self.dim = num_layers, dim
        self.embedding = nn.Embedding(vocabulary, dim)
        self.gru = nn.GRU(dim, dim, num_layers, batch_first=True, dropout=dropout, bidirectional=True)

    def forward(self, words: Tensor) -> tuple[Tensor, Tensor]:
        outputs, hidden = self.gru(self.embedding(words))
        outputs = outputs[:, :, : self.dim] + outputs[:, :, self.dim :]
        return outputs, hidden[: self.num_layers]


class Attention(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.attn = nn.Linear(dim, dim)

    def forward(self, query: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
        energies = torch.bmm(query, self.attn(states).transpose(1, 2))
        weights = F.softmax(energies, dim=-1)
        return torch.bmm(weights, states), weights


class Decoder(nn.Module):
    def __init__(self, vocabulary: int, dim: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, dim)
        self.embedding_dropout = nn.Dropout(dropout)
        self.gru = nn.GRU(dim, dim, num_layers, batch_first=True, dropout=dropout)
        self.attention = Attention(dim)
        self.concat = nn.Linear(2 * dim, dim)
        self.out = nn.Linear(dim, vocabulary)

    def forward(self, words: Tensor, states: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        embedded = self.embedding_dropout(self.embedding(words))
        outputs, _ = self.gru(embedded, last.contiguous())
        context, weights = self.attention(outputs, states)
        combined = torch.tanh(self.concat(torch.cat((outputs, context), dim=2)))
        return self.out(combined), weights


class Seq2Seq(nn.Module):
    """The chatbot tutorial's encoder and decoder, a whole target at once: source (N, S), target (N, T) → logits
    (N, T, target_words), attention (N, T, S)."""

    def __init__(self, source_words: int, target_words: int, dim: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        self.encoder = Encoder(source_words, dim, num_layers, dropout)
        self.decoder = Decoder(target_words, dim, num_layers, dropout)

    def forward(self, source: Tensor, target: Tensor) -> dict[str, Tensor]:
        states, last = self.encoder(source)
        logits, attention = self.decoder(target, states, last)
        return {"logits": logits, "attention": attention}


class Captioning(nn.Module):
    """Show and tell: the image (N, 3, H, W), through `encoder`, is the first word that the LSTM reads, before those of
    the caption (N, T) → logits (N, T + 1, vocabulary)."""

    def __init__(self, encoder: nn.Module, vocabulary: int, dim: int, hidden: int, num_layers: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.bn = nn.BatchNorm1d(dim, momentum=0.01)
        self.embed = nn.Embedding(vocabulary, dim)
        self.lstm = nn.LSTM(dim, hidden, num_layers, batch_first=True)
        self.linear = nn.Linear(hidden, vocabulary)

    def forward(self, image: Tensor, caption: Tensor) -> Tensor:
        features = self.bn(self.encoder(image))
        embeddings = torch.cat((features.unsqueeze(1), self.embed(caption)), dim=1)
        outputs, _ = self.lstm(embeddings)
        logits: Tensor = self.linear(outputs)
        return logits
