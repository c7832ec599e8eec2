"""The networks that there are, by name."""

from dataclasses import replace

from loaders.catalogue import Catalogue
from randteach.config.schema import Net
from randteach.nets.architecture import Architecture
from randteach.nets.families import plain, resnet, vgg, vit

ARCHITECTURES: Catalogue[Architecture] = Catalogue(
    "network", [*resnet.RESNETS, *vgg.VGGS, *vit.VITS, plain.MLP, plain.CONVNET]
)


def find(net: Net) -> Architecture:
    """The declaration of a network; UserError where there is none."""
    return ARCHITECTURES.find(net.arch, "net.arch")


def settled(net: Net) -> tuple[int, str]:
    """A network's width and norm layers, its own where none are given."""
    own = find(net)
    return net.width or own.width, net.norm or own.norms[0]


def filled(net: Net) -> Net:
    """A network with its own width and norm layers where none are given."""
    width, norm = settled(net)
    return replace(net, width=width, norm=norm)


def recorded(net: Net) -> Net:
    """A network as records have it: with a width, and without the norm layers that are its own."""
    width, norm = settled(net)
    return Net(net.arch, width, None if norm == find(net).norms[0] else norm)
