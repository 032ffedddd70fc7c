"""`init:`: torch.nn.init's functions as a catalogue, and the rules of a file as they are written."""
