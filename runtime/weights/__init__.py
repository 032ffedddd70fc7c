"""Trained weights from elsewhere: files of tensors, and torchvision's."""
