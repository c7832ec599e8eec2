"""The page of all data sets: `docs/datasets.md`."""

from loaders.datasets import DATASETS

ABOUT = """\
Printed by `randteach datasets`. The checksum, the beginning of that of the official training file, is
part of every key. Mean and standard deviation are those of the training split at its own size, per
channel, of bytes / 255; at other sizes, and where none stand here, they are computed by the same rule
after resizing. "Flips" says whether a mirrored image is still one of its class; where it is not, a sweep
that flips images (`flip_crop`) says so before it runs. Files are looked for in `data.root` (default
`out/data`), Fashion-MNIST's also where Debian's package `dataset-fashion-mnist` puts them, and downloaded
where there are none; where that fails, the message says which file to put where. EMNIST's images are as its
archive has them, and as torchvision gives them: transposed. TinyImageNet's test images are the official
validation set, which has labels.

CIFAR-5M is no set of this list, since nobody publishes its checksums. Put `part0.npz` to `part5.npz` of
`gs://gresearch/cifar5m` into a folder: `randteach dataset add FOLDER` reads them once and prints the
declaration, which pins the SHA-256 of each ([extending.md](extending.md#data)). A split above 8 GiB, as this
one, is read from FFCV's files alone: readers that hold images refuse it, as does a cluster's data cache."""


def table() -> str:
    """The page of all data sets in Markdown: `docs/datasets.md`."""
    lines = ["# Data sets", "", ABOUT, ""]
    lines.append(
        "| name | set | source | licence | shape | classes | train | test | checksum | mean | std | flips |"
    )
    lines.append("|" + "---|" * 12)
    for item in DATASETS.values():
        shape = "that of `data.like`" if item.noise else " x ".join(map(str, item.shape))
        mean, std = (", ".join(map(str, values)) or "-" for values in (item.mean, item.std))
        train = "`data.train_size`" if item.noise else f"{item.train:,}"
        flips = "yes" if item.flips else "no"
        lines.append(
            f"| `{item.name}` | {item.title} | {item.source} | {item.licence} | {shape} | {item.classes} | "
            f"{train} | {item.test:,} | `{item.checksum}` | {mean} | {std} | {flips} |"
        )
    return "\n".join(lines) + "\n"
