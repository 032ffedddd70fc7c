"""Names of torchvision.datasets that a spec cannot give, each with the reason and what to write. Read only when a name was not
found."""

from __future__ import annotations

__all__ = ["NOT_DATASETS"]

_BOXES = (
    "its targets are boxes, another number for each image, and a detector's losses match them in Python: networks of the "
    "language take tensors of known rank; a dataset of one box each is a table, `Csv(…, images=[image])`"
)
_CAPTIONS = (
    "its targets are texts, for most images several; write them down as a table, one row for each: "
    "`Csv(file, columns={image: file, text: caption}, images=[image])`"
)
_VIDEO = (
    "torchvision decodes no videos any more (torchcodec does); save the frames as arrays, `Npz` or "
    '`DatasetFolder(root, extensions=[".npy"])`'
)
_INDEX = (
    "torchvision keeps its index as a pickle in the working directory, and unpickling can run anything; "
    "write the images into folders, for `ImageFolder`"
)

_REASONS: dict[str, str] = {
    "CocoDetection VOCDetection Kitti WIDERFace": _BOXES,
    "CocoCaptions Flickr8k Flickr30k SBU": _CAPTIONS,
    "Kinetics HMDB51 UCF101": _VIDEO,
    "LSUN LSUNClass": _INDEX,
    "VisionDataset": "it is the base of the others; files of your own are an `ImageFolder`, a `Csv`, an `Npz` …",
    "wrap_dataset_for_transforms_v2": "it is always done: what a mask is, and what an image, is known to `transforms:`",
}

NOT_DATASETS: dict[str, str] = {name: reason for names, reason in _REASONS.items() for name in names.split()}
