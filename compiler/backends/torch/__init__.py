"""The torch backend: a typed graph as readable Python source, and as the `nn.Module` that this source makes."""
